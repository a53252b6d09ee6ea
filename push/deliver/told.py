"""Events as others are told of them, over hooks and streams alike: no content, no address. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple, get_args

import msgspec
from msgspec import UNSET, UnsetType

from push.model.delivery import EventKind
from push.model.health import Finding
from push.model.hooks import CHANGE_KINDS, HookKind
from push.model.people import Purpose
from push.model.ports import Row
from push.model.profiles import Json
from push.profiles.changes import Detail
from push.profiles.outgoing import Change, Said

EVENT_KINDS: Final[tuple[EventKind, ...]] = get_args(EventKind)
LOST: Final = "events.lost"
TEST: Final = "hook.test"
HEALTH: Final = frozenset({"health.opened", "health.cleared"})

ToldKind = Literal[
    "message.queued", "message.accepted", "message.failed", "message.expired", "message.cancelled", "message.shown",
    "message.opened", "message.clicked", "message.dismissed", "message.redeemed", "message.useful", "message.less",
    "health.opened", "health.cleared", "profile.traits_changed", "profile.merged", "profile.split",
    "profile.consent_changed", "profile.erased", "segment.entered", "segment.left", "events.lost", "hook.test",
]  # fmt: skip


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """What happened: to which delivery of which message; of ``events.lost``, how many from when to when.

    `seq` numbers events in the order in which they were committed. Those lost were pruned before they could be told,
    and may have been of any kind. Of ``health.`` events: what was found in which store (None: in the whole fleet). Of
    changes of people: whose it is, as `ids` of the hook's kind of `identifier`; which `traits` changed, and the
    `values` of those that may go out; which `purposes` are granted now; which `segment` it is.
    """

    message: str | UnsetType = UNSET
    delivery: str | UnsetType = UNSET
    shopper: str | UnsetType = UNSET
    channel: str | UnsetType | None = UNSET
    reason: str | UnsetType | None = UNSET
    seq: int | UnsetType = UNSET
    count: int | UnsetType = UNSET
    first_seq: int | UnsetType = UNSET
    last_seq: int | UnsetType = UNSET
    hook: str | UnsetType = UNSET
    store: str | UnsetType | None = UNSET
    findings: tuple[Finding, ...] | UnsetType = UNSET
    identifier: str | UnsetType = UNSET
    ids: tuple[str, ...] | UnsetType = UNSET
    traits: tuple[str, ...] | UnsetType = UNSET
    values: dict[str, Json] | UnsetType = UNSET
    purposes: dict[Purpose, bool] | UnsetType = UNSET
    segment: str | UnsetType = UNSET


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it is told: `type` is its kind, after ``message.`` where it is of one; `timestamp` ISO 8601."""

    type: ToldKind
    timestamp: str
    data: Data


class Wanted(NamedTuple):
    """What somebody is told: events of these kinds, of messages of this source (None: of any).

    Without kinds, all that are not of people: changes of those are told to whoever asks for them by name.
    """

    kinds: frozenset[HookKind]
    source: str | None = None

    def has(self, row: Row) -> bool:
        """Whether a row of ``events.after`` is among it. Whose a message was that is gone, nobody knows."""
        asked = row["kind"] in self.kinds if self.kinds else row["kind"] not in CHANGE_KINDS
        return asked and self.source in {None, row["source"]}


class Item(msgspec.Struct, frozen=True):
    """A step through the events: what to tell, None where nobody asked for it; then all before `next_seq` were told.

    What there is to tell of a `change` of people is found out when it is told.
    """

    id: str
    told: Told | None
    next_seq: int
    change: Change | None = None
    at_ms: int = 0


def steps(rows: Sequence[Row], next_seq: int, last_seq: int, wanted: Wanted, now_ms: int) -> list[Item]:
    """What follows from `next_seq` on, in order: rows of ``events.after``, and a word on each gap in their numbers.

    `last_seq` is the last number that was committed before the rows were read.
    """
    found: list[Item] = []
    for row in rows:
        if row["seq"] > next_seq:
            found.append(_lost(next_seq, row["seq"] - 1, now_ms))
        next_seq = row["seq"] + 1
        found.append(_item(row, wanted))
    if not rows and last_seq >= next_seq:
        found.append(_lost(next_seq, last_seq, now_ms))
    return found


def _item(row: Row, wanted: Wanted) -> Item:
    name, next_seq = f"evt_{row['seq']}", row["seq"] + 1
    if not wanted.has(row):
        return Item(name, None, next_seq)
    if row["kind"] in CHANGE_KINDS:
        return Item(name, None, next_seq, _changed(row), row["at_ms"])
    return Item(name, _happened(row), next_seq)


def _changed(row: Row) -> Change:
    detail = Detail() if row["detail"] is None else msgspec.json.decode(row["detail"], type=Detail)
    return Change(row["kind"], row["shopper"], detail, row["sealed"])


def changed(item: Item, change: Change, identifier: str, said: Said) -> Told:
    """A change of people as it is told."""
    data = Data(
        seq=item.next_seq - 1,
        identifier=identifier,
        ids=said.ids,
        traits=said.traits,
        values=said.values,
        purposes=said.purposes,
        segment=said.segment,
    )
    return Told(type=change.kind, timestamp=iso(item.at_ms), data=data)


def _happened(row: Row) -> Told:
    if row["kind"] in HEALTH:
        found = msgspec.structs.replace(msgspec.json.decode(row["detail"], type=Data), seq=row["seq"])
        return Told(type=row["kind"], timestamp=iso(row["at_ms"]), data=found)
    data = Data(
        message=row["message"],
        delivery=row["delivery"],
        shopper=row["shopper"],
        channel=row["channel"],
        reason=row["reason"],
        seq=row["seq"],
    )
    kind: ToldKind = msgspec.convert(f"message.{row['kind']}", ToldKind)
    return Told(type=kind, timestamp=iso(row["at_ms"]), data=data)


def _lost(first_seq: int, last_seq: int, now_ms: int) -> Item:
    """Its id says which: where more is lost until it is told again, that is another event."""
    data = Data(count=last_seq - first_seq + 1, first_seq=first_seq, last_seq=last_seq)
    return Item(f"evt_lost_{first_seq}_{last_seq}", Told(type=LOST, timestamp=iso(now_ms), data=data), last_seq + 1)


def tested(hook: str, now_ms: int) -> Told:
    """What a test posts."""
    return Told(type=TEST, timestamp=iso(now_ms), data=Data(hook=hook))


def iso(at_ms: int) -> str:
    """A time as Standard Webhooks wants it: ISO 8601, UTC, to the millisecond."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
