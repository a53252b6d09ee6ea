"""What happened with somebody, newest first, in pages: what was said of her, where she was, what was and was not sent.

Four sources, each in the order of its own times and ids, make one list; a page's mark names the last line of it.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec

from push.campaigns import receipts
from push.console import times, words
from push.console.live.feed import MOMENTS, NOT_SENT
from push.console.persons.who import told
from push.model.decisions import Considered
from push.model.ports import Queries, Row
from push.profiles import keys
from push.profiles.collect import tracked
from push.profiles.collect.tracked import Told
from push.profiles.keys import Keyring
from push.profiles.traits import CORRECTED, TAKEN_BACK

PER_PAGE: Final = 25
_END_MS: Final = 2**53
_EVENTS: Final = "e"
_ALL: Final = "~"
"""Sorts after every id."""

_STATES: Final[Mapping[str, tuple[str, str]]] = {
    "pending": ("soon", "waiting"),
    "sending": ("soon", "waiting"),
    "failed": ("now", "failed"),
    "expired": ("history", "too late"),
    "cancelled": ("history", "cancelled"),
}
_KINDS: Final[Mapping[str, str]] = {
    "identify": "said who she is",
    "alias": "said who she is",
    "group": "said what she belongs to",
    "page": "looked at a page",
    "screen": "looked at a screen",
    "track": "did",
}


class Happening(NamedTuple):
    """A line: what it is in one word with its tone, what happened, how, and for whoever asks, each reason."""

    at_ms: int
    tone: str
    word: str
    title: str
    line: str
    reasons: tuple[tuple[str, str], ...] = ()
    said: tuple[tuple[str, str], ...] = ()
    """What came along with an event."""
    visit: str = ""
    """Which visit it was, where it was one."""
    decision: str = ""
    """Which decision it was, where it was one."""


class Names(NamedTuple):
    """What stores and their zones are called."""

    stores: Mapping[str, str]
    zones: Mapping[tuple[str, str], str]


class Page(NamedTuple):
    """Lines, and the mark of the last one; empty where nothing comes after it."""

    items: list[Happening]
    after: str


class _Source(NamedTuple):
    statement: str
    letter: str
    """Its place among sources at the same time."""
    told: Callable[[Row, Names], Happening]
    is_sealed: bool = False
    """Whether its rows hold a decision's reasons, under her key."""


async def page(db: Queries, keyring: Keyring, shopper: str, after: str, names: Names) -> Page:
    """The lines after a mark; one that is none begins anew. Raises `push.model.vault.SealError`."""
    before_ms, letter, id_ = _mark(after)
    found: dict[tuple[int, str, str], Happening] = {}
    before = (before_ms, _upto(_EVENTS, letter, id_))
    for one in (await tracked.timeline(db, keyring, shopper, before, PER_PAGE + 1)).items:
        found[one.at_ms, _EVENTS, one.id] = _said(one)
    for source in _SOURCES:
        upto = _upto(source.letter, letter, id_)
        asked = {"shopper": shopper, "before_ms": before_ms, "before_id": upto, "most": PER_PAGE + 1}
        rows = await db.fetch(source.statement, **asked)
        if source.is_sealed:
            await keys.look_for(keyring, rows)
            rows = [{**row, "considered": receipts.considered(keyring, row, row["id"])} for row in rows]
        found |= {(row["at_ms"], source.letter, row["id"]): source.told(row, names) for row in rows}
    shown = sorted(found, reverse=True)[:PER_PAGE]
    mark = ".".join(map(str, shown[-1])) if len(found) > PER_PAGE else ""
    return Page([found[key] for key in shown], mark)


def _upto(mine: str, letter: str, id_: str) -> str:
    """Of one source, before which id a page begins at the very time of its mark."""
    return id_ if mine == letter else _ALL if mine < letter else ""


def _mark(after: str) -> tuple[int, str, str]:
    at, _, rest = after.partition(".")
    letter, _, id_ = rest.partition(".")
    is_mark = at.isascii() and at.isdigit() and len(at) < len(str(_END_MS))
    return (int(at), letter, id_) if is_mark else (_END_MS, "", "")


def _said(one: Told) -> Happening:
    if one.source.startswith((CORRECTED, TAKEN_BACK)):
        return _corrected(one)
    title = one.name or _KINDS.get(one.kind, one.kind)
    came = (one.traits if one.kind == "identify" else one.properties).items()
    said = tuple((name, told(value)) for name, value in came)
    return Happening(one.at_ms, "people", one.kind, title, f"through {one.source}", said=said)


def _corrected(one: Told) -> Happening:
    """What was put right of her, by whom and why; or that others' word holds again."""
    is_back = one.source.startswith(TAKEN_BACK)
    by = one.source.rpartition(":")[2]
    title = "A correction was taken back" if is_back else "Something was put right"
    said = tuple((name, "as others say" if is_back else told(value)) for name, value in one.traits.items())
    why = one.context.get("why")
    line = f"by {by}: {why}" if isinstance(why, str) else f"by {by}"
    return Happening(one.at_ms, "people", "corrected", title, line, said=said)


def _was(row: Row, names: Names) -> Happening:
    if row["left_ms"] is None:
        stay = "still there, as far as is known"
    else:
        stay = f"stayed {times.lasting(row['left_ms'] - row['at_ms'])}"
    late = " · heard of only afterwards" if row["late"] else ""
    store = names.stores.get(row["store"], row["store"])
    return Happening(row["at_ms"], "people", "visit", store, stay + late, visit=row["id"])


def _decided(row: Row, names: Names) -> Happening:
    considered: tuple[Considered, ...] = row["considered"]
    reasons = tuple((one.campaign, _reason(one)) for one in considered)
    where = _where(row, names)
    if row["campaign"] is None:
        why = list(dict.fromkeys(NOT_SENT[one.verdict] for one in considered if one.verdict in NOT_SENT))
        title = f"Held back: {words.listed(why[:2])}" if why else "Nothing worth saying"
        return Happening(row["at_ms"], "history", "quiet", title, where, reasons, decision=row["id"])
    name = row["campaign"] if row["definition"] is None else msgspec.json.decode(row["definition"])["name"]
    tone, word = _state(row)
    return Happening(row["at_ms"], tone, word, str(name), f"{where}{_way(row)}", reasons, decision=row["id"])


def _reason(one: Considered) -> str:
    plain = NOT_SENT.get(one.verdict, one.verdict)
    return f"{plain} · {one.why}" if one.why else plain


def _where(row: Row, names: Names) -> str:
    store = names.stores.get(row["store"], row["store"])
    moment = MOMENTS.get(row["kind"] or "", row["kind"] or "")
    zone = names.zones.get((row["store"], row["zone"] or ""), row["zone"] or "")
    return " · ".join(filter(None, (store, zone, moment)))


def _state(row: Row) -> tuple[str, str]:
    if row["opened_ms"] is not None:
        return "push", "opened"
    return _STATES.get(row["state"] or "", ("push", "sent"))


def _way(row: Row) -> str:
    reason = "" if row["state"] not in _STATES else row["reason"]
    return "".join(f" · {one}" for one in (row["channel"], reason) if one)


def _sent(row: Row, names: Names) -> Happening:
    del names
    tone, word = _state(row)
    what = "An offer" if row["basis"] == "marketing" else "A message that she is owed"
    return Happening(row["at_ms"], tone, word, what, f"from {row['source']}{_way(row)}")


_SOURCES: Final = (
    _Source("persons.decisions", "d", _decided, is_sealed=True),
    _Source("persons.messages", "m", _sent),
    _Source("persons.visits", "v", _was),
)
