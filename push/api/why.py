"""Why a person got a message: what is known of it, in her words and as data. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final, Literal, NamedTuple

import msgspec

from push.campaigns.book import NEEDED
from push.model.campaigns import Campaign
from push.model.decisions import Considered
from push.model.delivery import Basis
from push.model.people import Purpose
from push.model.ports import Row
from push.model.presence import MomentKind
from push.profiles.desk import BUILT_IN
from push.profiles.purposes.book import Purposes


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """What happened: the moment that the message answers."""

    text: str
    kind: MomentKind
    store: str
    zone: str | None
    at_ms: int


class Agreed(msgspec.Struct, frozen=True, kw_only=True):
    """A purpose that she had granted when this was decided, since when, and whether she still does."""

    purpose: Purpose
    title: str
    text: str
    since_ms: int
    still: bool


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which campaign it was, among how many; of those that lost, how many fitted, and how many did not."""

    text: str
    campaign: str
    considered: int
    outvalued: int
    unfit: int


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Who asked for the message, and on what basis it may come.

    `source` is "decision", the name of the system that sent it, or "operator": of people who work here no name is told.
    """

    text: str
    source: str
    basis: Basis


class Often(msgspec.Struct, frozen=True, kw_only=True):
    """How often such messages come at most; None where no number limits them."""

    text: str
    pushes_per_visit: int | None


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """What she can do about it."""

    do: Literal["less", "snooze", "stop", "channel"]
    text: str


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """Why she got a message. Each `text` can be shown as it is; times in UTC ms."""

    delivery: str
    message: str
    decided_ms: int
    happened: Happened | None
    agreed: tuple[Agreed, ...]
    choice: Choice | None
    sender: Sender
    often: Often
    options: tuple[Option, ...]


class Place(msgspec.Struct, frozen=True):
    """Where it happened, by name, and its time zone."""

    store: str
    zone: str | None
    time_zone: tzinfo


class Decided(msgspec.Struct, frozen=True):
    """A decision that led to a message. `campaign` is as it reads now; None where it is gone."""

    kind: MomentKind
    mark_s: int
    at_ms: int
    place: Place
    considered: Sequence[Considered]
    campaign: Campaign | None


class Limits(NamedTuple):
    """What is set for everybody, the time now, and which purposes there are."""

    pushes_per_visit: int
    now_ms: int
    purposes: Purposes = BUILT_IN


def explain(row: Row, decided: Decided | None, history: Sequence[Row], limits: Limits) -> Why:
    """Why she got the message of `row`, one of ``inbox.delivery``.

    `decided` is None where no moment led to it, or where the record of that is not kept any more. `history` is what she
    said about purposes, oldest first.
    """
    basis: Basis = row["basis"]
    by_rules = row["decision"] is not None
    return Why(
        delivery=row["id"],
        message=row["message"],
        decided_ms=row["decided_ms"],
        happened=None if decided is None else _happened(decided, limits.now_ms),
        agreed=_agreed(row, decided, history, limits),
        choice=None if decided is None else _choice(decided),
        sender=_sender(row["source"], basis, by_rules=by_rules),
        often=_often(basis, limits.pushes_per_visit if by_rules else None),
        options=_OPTIONS[basis],
    )


# --- what happened ----------------------------------------------------------------------------------------------------

_MOMENTS: Final[dict[MomentKind, str]] = {
    "store_entered": "You came into {store} {time}.",
    "zone_entered": "You came to {zone} in {store} {time}.",
    "dwelled": "You had been at {where} for {mark} {time}.",
    "zone_left": "You left {zone} in {store} {time}.",
    "left": "You left {store} {time}.",
}


def _happened(decided: Decided, now_ms: int) -> Happened:
    place = decided.place
    text = _MOMENTS[decided.kind].format(
        store=place.store,
        zone=place.zone or "a place",
        where=place.store if place.zone is None else f"{place.zone} in {place.store}",
        mark=duration(decided.mark_s),
        time=moment(decided.at_ms, now_ms, place.time_zone),
    )
    return Happened(text=text, kind=decided.kind, store=place.store, zone=place.zone, at_ms=decided.at_ms)


def duration(seconds: int) -> str:
    """A length of time in words."""
    for size, unit in ((3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            return _counted(seconds // size, unit)
    return _counted(seconds, "second")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def moment(at_ms: int, now_ms: int, zone: tzinfo) -> str:
    """A time of day, with its day unless that is today."""
    at = datetime.fromtimestamp(at_ms / 1000, zone)
    clock = f"at {at:%H:%M}"
    return clock if at.date() == datetime.fromtimestamp(now_ms / 1000, zone).date() else f"{clock} on {_day(at)}"


def _day(at: datetime) -> str:
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


# --- what she agreed to -----------------------------------------------------------------------------------------------


def _agreed(row: Row, decided: Decided | None, history: Sequence[Row], limits: Limits) -> tuple[Agreed, ...]:
    """What the message rests on and she had granted by then. What she is owed rests on none of it."""
    if row["basis"] != "marketing":
        return ()
    before = _granted_since(history, row["decided_ms"])
    now = _granted_since(history, limits.now_ms)
    rests_on = {*_needed(row, decided), row["channel"]}
    zone = UTC if decided is None else decided.place.time_zone
    return tuple(
        Agreed(
            purpose=purpose,
            title=title,
            text=f"“{title}”, on {_day(datetime.fromtimestamp(before[purpose] / 1000, zone))}",
            since_ms=before[purpose],
            still=purpose in now,
        )
        for purpose in limits.purposes.known
        if purpose in rests_on and purpose in before
        for title in [limits.purposes.words(purpose, "").title]
    )


def _needed(row: Row, decided: Decided | None) -> Iterable[Purpose]:
    """What a message may use: with profiling granted, its words were hers."""
    if row["decision"] is None:
        return ("marketing", *msgspec.json.decode(row["needs"], type=tuple[Purpose, ...]))
    needs = decided.campaign.needs if decided is not None and decided.campaign is not None else ()
    return (*NEEDED, "profiling", *needs)


def _granted_since(history: Sequence[Row], upto_ms: int) -> Mapping[Purpose, int]:
    """What was granted at a time, and since when without a break."""
    since: dict[Purpose, int] = {}
    for said in history:
        if said["at_ms"] > upto_ms:
            break
        if said["granted"]:
            since.setdefault(said["purpose"], said["at_ms"])
        else:
            since.pop(said["purpose"], None)
    return since


# --- who, which, how often, and what to do ----------------------------------------------------------------------------


def _choice(decided: Decided) -> Choice:
    verdicts = [one.verdict for one in decided.considered]
    outvalued = verdicts.count("outvalued")
    unfit = len(verdicts) - outvalued - verdicts.count("chosen")
    name = "an offer that has ended since" if decided.campaign is None else f"“{decided.campaign.name}”"
    return Choice(
        text=f"It is from {name}. {_compared(outvalued, unfit)}",
        campaign="" if decided.campaign is None else decided.campaign.name,
        considered=len(verdicts),
        outvalued=outvalued,
        unfit=unfit,
    )


def _compared(outvalued: int, unfit: int) -> str:
    """The others by number alone: what else the store has in mind is its own affair."""
    if not outvalued and not unfit:
        return "It was the only one for this moment."
    won = f"The store rates it higher than {_others(outvalued)} that fitted." if outvalued else "No other fitted."
    return f"{won} {_others(unfit).capitalize()} did not fit." if outvalued and unfit else won


def _others(number: int) -> str:
    return "one other" if number == 1 else f"{number} others"


def _sender(source: str, basis: Basis, *, by_rules: bool) -> Sender:
    scope, _, name = source.partition(":")  # as `push.api.contract.Call.actor` writes it
    who = "The store sent it." if scope == "operator" or not name else f"“{name}” sent it for the store."
    if by_rules:
        who = "It was chosen by rules, at that moment, and not by a person."
    ground = {
        "marketing": "It is an offer, and comes because you agreed to offers.",
        "service": "It is no offer, but news of something that you asked for, and needs no consent to offers.",
    }[basis]
    return Sender(text=f"{who} {ground}", source=name if scope == "sender" else scope, basis=basis)


def _often(basis: Basis, pushes_per_visit: int | None) -> Often:
    if pushes_per_visit is not None:
        text = f"At most {_counted(pushes_per_visit, 'offer')} during a visit."
        return Often(text=text, pushes_per_visit=pushes_per_visit)
    if basis == "marketing":
        return Often(text="No number limits these; a snooze or a stop ends them.", pushes_per_visit=None)
    return Often(text="As often as there is news of what you asked for.", pushes_per_visit=None)


_OPTIONS: Final[dict[Basis, tuple[Option, ...]]] = {
    "marketing": (
        Option(do="less", text="Say “less of this”, and the store knows."),
        Option(do="snooze", text="Snooze offers: a pause. What you agreed to stays as it is."),
        Option(do="stop", text="Stop offers: none come until you allow them again."),
    ),
    "service": (
        Option(do="less", text="Say “less of this”, and the store knows."),
        Option(do="channel", text="Switch off the way it came: nothing comes that way any more, and no offers either."),
    ),
}
