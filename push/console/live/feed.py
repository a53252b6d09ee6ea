"""What just happened in a store, without anybody's name: what was sent, held back, opened, and that somebody came."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from push.campaigns import receipts
from push.console import words
from push.model.decisions import Considered, Verdict
from push.model.ports import Database, Row
from push.model.vault import SealError
from push.profiles import keys
from push.profiles.keys import Keyring

MOST: Final = 10
MOST_READ: Final = 40
"""Of those, what is alike becomes one line."""
ALIKE_MS: Final = 60_000
SINCE_MS: Final = 3_600_000
"""What is older than an hour is not happening now."""

NOT_SENT: Final[dict[Verdict, str]] = {
    "outvalued": "another was worth more",
    "not live": "not live",
    "consent": "not agreed to",
    "snoozed": "asked for quiet",
    "stale": "heard too late",
    "no channel": "no way to reach the phone",
    "cap": "had enough for now",
    "budget": "no budget left",
    "quiet": "quiet hours",
    "later": "kept for later",
    "schedule": "not its time",
    "audience": "not for her",
    "bought": "bought it lately",
    "owned": "owns it",
    "redeemed": "used it already",
    "disliked": "wanted less of it",
    "holdout": "kept back to compare",
    "worthless": "not worth a message",
    "stopped": "silenced by somebody",
    "stock": "nothing in stock",
    "coupon": "no coupon left",
    "template": "the text could not be filled in",
}
MOMENTS: Final = {
    "store_entered": "came in",
    "zone_entered": "came to the zone",
    "dwelled": "stayed a while",
    "zone_left": "left the zone",
    "left": "left",
}
_STATES: Final = {
    "failed": ("now", "failed"),
    "cancelled": ("history", "cancelled"),
    "expired": ("history", "too late"),
    "pending": ("soon", "waiting"),
    "sending": ("soon", "waiting"),
}


class Happening(msgspec.Struct, frozen=True):
    """One line of the feed; `zone` is where, None where that is not known or not to be told."""

    key: str
    at_ms: int
    tone: str
    word: str
    title: str
    line: str
    zone: str | None = None
    many: int = 1


async def read(db: Database, keyring: Keyring, store: str, now_ms: int) -> list[Happening]:
    """The latest of a store, newest first. Raises `push.model.errors.DatabaseError`."""
    asked = {"store": store, "since_ms": now_ms - SINCE_MS, "most": MOST_READ}
    decisions = await db.fetch("console.latest_decisions", **asked)
    visits = await db.fetch("console.latest_visits", **asked)
    await keys.look_for(keyring, decisions)
    found = [happening for row in decisions for happening in _told(row, keyring)]
    found += [
        Happening(f"{v['id']}.in", v["entered_ms"], "people", "entered", "A member", "came into the store")
        for v in visits
    ]
    return sorted(found, key=lambda one: (-one.at_ms, one.key))


def _told(row: Row, keyring: Keyring) -> Iterable[Happening]:
    """A decision, and what became of what it said."""
    if row["campaign"] is None:
        yield _quiet(row, _considered(row, keyring))
        return
    name = _name(row)
    if row["opened_ms"] is not None:
        after = words.seconds(row["opened_ms"] - row["decided_ms"])
        yield Happening(f"{row['id']}.open", row["opened_ms"], "push", "opened", name, f"after {after}", row["zone"])
    tone, word = _STATES.get(row["state"], ("push", "sent"))
    yield Happening(f"{row['id']}.{word}", row["decided_ms"], tone, word, name, _how(row), row["zone"])


def _considered(row: Row, keyring: Keyring) -> Sequence[Considered]:
    """Why; nothing where it does not open: the floor goes on."""
    try:
        return receipts.considered(keyring, row, row["id"])
    except SealError:
        return ()


def _quiet(row: Row, considered: Sequence[Considered]) -> Happening:
    title = f"{words.count(len(considered), 'campaign')} held back" if considered else "Nothing worth saying"
    reasons = list(dict.fromkeys(NOT_SENT[one.verdict] for one in considered if one.verdict in NOT_SENT))
    return Happening(
        f"{row['id']}.quiet", row["decided_ms"], "history", "quiet", title, words.listed(reasons[:2]), row["zone"]
    )


def _name(row: Row) -> str:
    """The campaign's own name: the message may have somebody's in it."""
    if row["definition"] is None:
        return str(row["campaign"])
    return str(msgspec.json.decode(row["definition"])["name"])


def _how(row: Row) -> str:
    """What it answered, and how fast."""
    moment = MOMENTS.get(row["kind"], row["kind"])
    if row["kind"] == "dwelled":
        moment = f"stayed {words.lasting_s(row['mark_s'])}"
    if row["handed_over_ms"] is None or row["heard_ms"] is None:
        return " · ".join(filter(None, (moment, row["reason"])))
    return f"{moment} · handed over after {words.seconds(row['handed_over_ms'] - row['heard_ms'])}"


def placed(happenings: Iterable[Happening], tells: Callable[[str], bool], names: Mapping[str, str]) -> list[Happening]:
    """With the zone's name before each line, where `tells` says that it may be told how many are there."""
    found: list[Happening] = []
    for one in happenings:
        told = one.zone is not None and one.zone in names and tells(one.zone)
        parts = (names[one.zone] if told and one.zone else "", one.line)
        line = " · ".join(filter(None, parts))
        alike = next((n for n, newer in enumerate(found) if _alike(newer, one, line)), None)
        if alike is None:
            found.append(msgspec.structs.replace(one, zone=None, line=line))
        else:
            found[alike] = msgspec.structs.replace(found[alike], many=found[alike].many + 1)
    return [_counted(one) for one in found[:MOST]]


def _alike(newer: Happening, older: Happening, line: str) -> bool:
    """Whether two say the same within a minute."""
    is_same = (newer.word, newer.title, newer.line) == (older.word, older.title, line)
    return is_same and newer.word in {"quiet", "entered"} and newer.at_ms - older.at_ms < ALIKE_MS


def _counted(one: Happening) -> Happening:
    """Several alike as one: silence with its number, people without, for they may be fewer than five."""
    if one.many == 1:
        return one
    if one.word == "entered":
        return msgspec.structs.replace(one, title="Members")
    return msgspec.structs.replace(one, title=f"{one.title}, {one.many} times")
