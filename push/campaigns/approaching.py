"""Fixtures that somebody comes near, as her own phone ranges them: a shelf, a counter, a mannequin.

a phone's report ─nearest fixture, twice in a row─▶ once for each fixture and visit ─row of `waiting`─▶ decision
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

from push.campaigns import waiting
from push.campaigns.hearing import Ear
from push.campaigns.means import Means
from push.campaigns.waiting import Kept, Wait
from push.model.ids import derived
from push.model.ports import Database, Transaction
from push.model.presence import Observation
from push.model.sites import Anchor

NEAR_DB: Final = 6.0
"""Weaker by so much than at one metre: two metres in free space, as power falls with the square of the distance."""
FRESH_MS: Final = 5_000
"""What a phone heard before that says nothing of where it is."""
CONFIRM_MS: Final = 1_000
"""A second report so much later at least has to say the same: one packet may come by a reflection."""
GAP_MS: Final = 15_000
"""Whose phone says nothing for so long begins anew."""
MOST: Final = 20_000
"""Phones whose last report is remembered, the latest."""


class _Stand(NamedTuple):
    """Where a phone stands: at which fixture, since when, until when, and whether that was told."""

    fixture: str
    since_ms: int
    last_ms: int
    is_told: bool


class Nearing:
    """At which fixture each phone stands; no input, no output."""

    def __init__(self) -> None:
        self._stands: OrderedDict[str, _Stand] = OrderedDict()

    def near(self, heard: Iterable[Observation], anchors: Mapping[str, Anchor], now_ms: int) -> Anchor | None:
        """The fixture that whoever reports this came near just now; None where she did not, or it was said before."""
        nearest = _nearest(heard, anchors, now_ms)
        if nearest is None:
            return None
        shopper, anchor = nearest
        before = self._stands.pop(shopper, None)
        if before is None or before.fixture != anchor.id or now_ms - before.last_ms > GAP_MS:
            before = _Stand(anchor.id, now_ms, now_ms, is_told=False)
        is_now = not before.is_told and now_ms - before.since_ms >= CONFIRM_MS
        self._stands[shopper] = before._replace(last_ms=now_ms, is_told=before.is_told or is_now)
        if len(self._stands) > MOST:
            self._stands.popitem(last=False)
        return anchor if is_now else None


def _nearest(heard: Iterable[Observation], anchors: Mapping[str, Anchor], now_ms: int) -> tuple[str, Anchor] | None:
    """The fixture that is loudest, each measured by what it gives at one metre, where that is near."""
    found: list[tuple[float, str, Anchor, str]] = []
    for each in heard:
        anchor = anchors.get(each.anchor)
        if anchor is not None and anchor.is_fixture and anchor.triggers and each.last_ms >= now_ms - FRESH_MS:
            found.append((each.rssi_dbm - anchor.power_1m_dbm, anchor.id, anchor, each.shopper))
    if not found:
        return None
    louder_db, _, anchor, shopper = max(found, key=lambda one: one[:2])
    return (shopper, anchor) if louder_db >= -NEAR_DB else None


class Approaches:
    """Notes who came near which fixture, where campaigns answer that."""

    def __init__(self, db: Database, means: Means, ear: Ear, anchors: Callable[[], Mapping[str, Anchor]]) -> None:
        self._db = db
        self._means = means
        self._ear = ear
        self._anchors = anchors
        self._nearing = Nearing()

    async def heard(self, observations: Iterable[Observation], now_ms: int) -> None:
        """Take what one phone ranged. Raises `push.model.errors.DatabaseError`."""
        if "approached" not in self._means.in_force.book.kinds:
            return
        observed = list(observations)
        anchor = self._nearing.near(observed, self._anchors(), now_ms)
        if anchor is None:
            return
        async with self._db.transaction() as tx:
            await _note(tx, observed[0].shopper, anchor, now_ms)
        self._ear.bell.set()


async def _note(tx: Transaction, shopper: str, anchor: Anchor, now_ms: int) -> None:
    """Once for each fixture and visit; who is in no visit there is not there, whatever a phone says."""
    here = await tx.fetch_one("waiting.here", shopper=shopper)
    if here is None or here["store"] != anchor.store:
        return
    tomb = derived("wai", "approached", here["id"], anchor.id)
    if await tx.fetch("waiting.done", ids=msgspec.json.encode([tomb]).decode()):
        return
    zone, visit = here["zone"] or anchor.zone, here["id"]
    kept = Kept(kind="approached", since_ms=now_ms, zone=zone, visit=visit, fixture=anchor.id)
    due = Wait(
        id=derived("wai", "due", tomb),
        shopper=shopper,
        campaign="",
        kind="due",
        store=anchor.store,
        due_ms=now_ms,
        until_ms=now_ms + GAP_MS,
        occasion=kept,
    )
    until_ms = now_ms + waiting.AT_PLACES_MS["checkout"]
    done = msgspec.structs.replace(due, id=tomb, kind="done", due_ms=None, until_ms=until_ms)
    await waiting.put(tx, [done, due], now_ms)
