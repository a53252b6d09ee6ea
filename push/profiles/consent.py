"""Consent: per purpose, default deny. The book in memory filters what arrives; the database decides.

ledger: every word of every facet ─settle▶ consents: what is in force, for all facets of a person alike
"""

import json
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from push.model.again import insist
from push.model.delivery import Basis
from push.model.people import CHANNEL_PURPOSES, FOR_ADULTS, Consent, Purpose
from push.model.ports import Database, Queries, Read, Row, Transaction, fetch_each
from push.profiles import changes, ledger
from push.profiles.ledger import Circumstances
from push.profiles.segments.again import look_again

Granted = frozenset[Purpose]

MOST_CHANGED: Final = 1_000
"""People remembered who said something lately; whoever looks more rarely takes it that anybody may have."""
AT_ONCE: Final = 500
"""People who are settled in one transaction where everybody is."""


class Standing(msgspec.Struct, frozen=True):
    """What a shopper said: purposes granted, purposes refused, and until when she wants no offers (0: she does)."""

    granted: Granted = frozenset()
    refused: Granted = frozenset()
    snoozed_until_ms: int = 0

    def objection(self, basis: Basis, channel: str, now_ms: int, needs: Collection[Purpose] = ()) -> str | None:
        """What speaks against a message of this basis on this channel; None where nothing does.

        Offers need her consent, to offers and to the channel. What she is owed needs none, but a channel that she
        refused is refused for that, too. Whatever a message `needs` beside has to be granted. `log` writes down and
        tells nobody.
        """
        if not self.granted.issuperset(needs):
            return "consent_withdrawn"
        if basis == "marketing":
            if "marketing" not in self.granted:
                return "consent_withdrawn"
            if now_ms < self.snoozed_until_ms:
                return "snoozed"
        if channel not in CHANNEL_PURPOSES:
            return None
        agreed = channel in self.granted if basis == "marketing" else channel not in self.refused
        return None if agreed else "consent_withdrawn"


class ConsentBook:
    """Who granted what, as of the last commit: a set of shoppers per purpose, for filtering in bulk."""

    def __init__(self) -> None:
        self._granted: dict[str, set[Purpose]] = {}
        self._changed: deque[str] = deque(maxlen=MOST_CHANGED)
        self._changes = 0

    async def load(self, db: Queries) -> None:
        """Read everything that is granted."""
        granted: dict[str, set[Purpose]] = {}
        for row in await db.fetch("profiles.all_granted"):
            granted.setdefault(row["shopper"], set()).add(row["purpose"])
        self._granted = granted
        self._changed.clear()
        self._changes += 1

    def changed_since(self, mark: int) -> tuple[int, frozenset[str] | None]:
        """Who said something since a mark, 0 at first, None where it may be anybody; and the mark for the next call."""
        newer = self._changes - mark
        if newer > len(self._changed):
            return self._changes, None
        return self._changes, frozenset(islice(reversed(self._changed), newer))

    def allows(self, shopper: str, purpose: Purpose) -> bool:
        """Whether a shopper granted a purpose."""
        return purpose in self._granted.get(shopper, ())

    def note(self, shopper: str, purposes: Mapping[Purpose, bool]) -> None:
        """Take over what was just committed."""
        granted = self._granted.setdefault(shopper, set())
        granted.update(p for p, yes in purposes.items() if yes)
        granted.difference_update(p for p, yes in purposes.items() if not yes)
        self._changed.append(shopper)
        self._changes += 1


async def granted(db: Queries, shopper: str) -> Granted:
    """What a shopper grants now."""
    rows = await db.fetch("profiles.consents_of", shopper=shopper)
    return frozenset(row["purpose"] for row in rows if row["granted"])


async def granted_for_decision(tx: Transaction, shopper: str) -> Granted:
    """What a shopper grants, and will until `tx` ends: a withdrawal waits for it, and then finds what it wrote.

    So does another decision for the same person, under whichever of her facets.
    """
    return (await standing_for_decision(tx, shopper, 0)).granted


async def standing_for_decision(tx: Transaction, shopper: str, now_ms: int) -> Standing:
    """What a shopper says now, and will until `tx` ends, as `granted_for_decision`."""
    return (await standing_with(tx, [shopper], now_ms, ())).standings[shopper]


class Held(NamedTuple):
    """What several shoppers say now, what each of their facets says, and the rows of what else was read."""

    standings: Mapping[str, Standing]
    said: Mapping[str, Sequence[Row]]
    also: Sequence[Sequence[Row]]


async def standing_with(tx: Transaction, shoppers: Collection[str], now_ms: int, also: Sequence[Read]) -> Held:
    """As `standing_for_decision` of several, and what else is to be read once they are held."""
    asked = sorted({*shoppers})
    said: dict[str, list[Row]] = {}
    listed = json.dumps(asked)
    reads = [Read("profiles.snoozes", {"shoppers": listed, "now_ms": now_ms}), *also]
    locked, *found = await fetch_each(tx, [Read("profiles.lock_consents", {"shoppers": listed}), *reads])
    for row in locked:
        said.setdefault(row["shopper"], []).append(row)
    # Who never said anything is sent what she is owed, and caps of that hold, too: what was read before is read anew.
    silent = [shopper for shopper in asked if shopper not in said]
    if silent:
        await tx.fetch("profiles.lock_facets", shoppers=json.dumps(silent))
        found = await fetch_each(tx, reads)
    until_ms = {row["shopper"]: row["until_ms"] for row in found[0]}
    standings = {shopper: standing(said.get(shopper, ()), until_ms.get(shopper, 0)) for shopper in asked}
    return Held(standings, said, found[1:])


def standing(rows: Iterable[Row], snoozed_until_ms: int = 0) -> Standing:
    """Rows of a shopper's consents, each with purpose and granted, as a value."""
    said = {row["purpose"]: bool(row["granted"]) for row in rows}
    return Standing(
        frozenset(purpose for purpose, yes in said.items() if yes),
        frozenset(purpose for purpose, yes in said.items() if not yes),
        snoozed_until_ms,
    )


async def snooze(tx: Transaction, shopper: str, until_ms: int, now_ms: int) -> None:
    """Let a shopper have no offers until a time; 0 ends it."""
    await tx.execute("profiles.set_snooze", shopper=shopper, until_ms=until_ms, at_ms=now_ms)


async def consents(db: Queries, shopper: str) -> list[Consent]:
    """Every purpose that a shopper was asked about, with time and source."""
    rows = await db.fetch("profiles.consents_of", shopper=shopper)
    return [
        Consent(purpose=r["purpose"], granted=bool(r["granted"]), at_ms=r["at_ms"], source=r["source"]) for r in rows
    ]


async def allows_profiling(db: Queries, shoppers: Collection[str]) -> dict[str, bool]:
    """Whether each of these facets may be profiled: granted, and of age where that is asked for."""
    rows = await db.fetch("consent.of_many", purpose="profiling", shoppers=json.dumps(sorted(shoppers)))
    allowed = {row["shopper"] for row in rows}
    return {shopper: shopper in allowed for shopper in shoppers}


# --- what follows from what was said ----------------------------------------------------------------------------------


class Settled(NamedTuple):
    """What a facet granted before, and grants now."""

    was: Granted
    now: Granted

    @property
    def changed(self) -> dict[Purpose, bool]:
        """Purposes that are granted now and were not, or the other way round."""
        return {purpose: purpose in self.now for purpose in sorted(self.was ^ self.now)}


async def set_consents(
    tx: Transaction, shopper: str, purposes: Mapping[Purpose, bool], *, at_ms: int, source: str
) -> dict[str, Settled]:
    """Write what somebody says now, in plain circumstances, as `say`."""
    return await say(tx, shopper, purposes, dict.fromkeys(purposes, Circumstances(source=source)), at_ms)


async def say(
    tx: Transaction,
    shopper: str,
    purposes: Mapping[Purpose, bool],
    how: Mapping[Purpose, Circumstances],
    now_ms: int,
) -> dict[str, Settled]:
    """Write what somebody says now into the ledger, and bring it into force for every facet of hers; by facet."""
    facets = await _held(tx, [shopper])
    await ledger.keep(tx, await ledger.said_now(tx, shopper, purposes, how, now_ms))
    return await _settle(tx, facets)


async def settle(tx: Transaction, shoppers: Collection[str]) -> dict[str, Mapping[Purpose, bool]]:
    """Bring into force what the persons of these facets said; what changed, by facet, for `ConsentBook.note`.

    Of each purpose the latest word over all facets of a person holds for all of them; of words of the same time a
    refusal. Where a minimum age is set, nobody is located or profiled who did not say that she is of age.
    """
    found = await _settle(tx, await _held(tx, shoppers))
    return {facet: each.changed for facet, each in found.items() if each.changed}


async def _held(tx: Transaction, shoppers: Collection[str]) -> dict[str, str]:
    """All facets of whoever these are, with their persons, held until `tx` ends.

    A look that waits sees who belonged to them when it began. So another follows, until nobody is new: whom somebody
    else merged with them meanwhile is held, too.
    """
    asked, held = json.dumps(sorted(shoppers)), dict[str, str]()
    while True:
        found = {row["id"]: row["person"] for row in await tx.fetch("consent.facets", shoppers=asked)}
        if found == held:
            return held
        held = found


class _InForce(NamedTuple):
    granted: bool
    at_ms: int
    source: str


FIRST_MS: Final = 0
"""Of all whom segments have to look at, those come first who changed what she agreed to."""


async def _settle(tx: Transaction, facets: Mapping[str, str]) -> dict[str, Settled]:
    wanted = await _wanted(tx, sorted(set(facets.values())))
    present: dict[str, dict[Purpose, _InForce]] = {facet: {} for facet in facets}
    for row in await tx.fetch("consent.effective", shoppers=json.dumps(list(facets))):
        present[row["shopper"]][row["purpose"]] = _InForce(bool(row["granted"]), row["at_ms"], row["source"])
    due = {facet: wanted.get(person, {}) for facet, person in facets.items()}
    await tx.execute_many(
        "consent.put",
        [
            {"shopper": facet, "purpose": purpose, **state._asdict()}
            for facet, purposes in due.items()
            for purpose, state in purposes.items()
            if present[facet].get(purpose) != state
        ],
    )
    gone = [{"shopper": f, "purpose": p} for f, before in present.items() for p in sorted(before.keys() - due[f])]
    await tx.execute_many("consent.drop", gone)
    settled = {facet: Settled(_granted(present[facet]), _granted(due[facet])) for facet in facets}
    await look_again(tx, [facet for facet, each in settled.items() if each.changed], FIRST_MS)
    await changes.consents(tx, {facet: each.changed for facet, each in settled.items()})
    return settled


def _granted(purposes: Mapping[Purpose, _InForce]) -> Granted:
    return frozenset(purpose for purpose, state in purposes.items() if state.granted)


async def _wanted(tx: Transaction, persons: Sequence[str]) -> dict[str, dict[Purpose, _InForce]]:
    """What is in force of each person's words: what waits to be confirmed is no word yet."""
    minimum_age = await _minimum_age(tx)
    said: dict[str, dict[Purpose, _InForce]] = {}
    for row in await tx.fetch("consent.said", persons=json.dumps(persons)):
        state = _InForce(bool(row["granted"]), row["at_ms"], row["source"])
        said.setdefault(row["person"], {})[row["purpose"]] = state
    return said if minimum_age == 0 else {person: _of_age(purposes) for person, purposes in said.items()}


def _of_age(said: Mapping[Purpose, _InForce]) -> dict[Purpose, _InForce]:
    """Without her word that she is of age, what needs it is not granted, whatever she said to it."""
    if "adult" in said and said["adult"].granted:
        return dict(said)
    return {p: state._replace(granted=False) if p in FOR_ADULTS else state for p, state in said.items()}


async def _minimum_age(db: Queries) -> int:
    row = await db.fetch_one("consent.rules")
    return 0 if row is None else int(row["minimum_age"])


Follow = Callable[[Transaction, Mapping[str, Mapping[Purpose, bool]]], Awaitable[object]]
"""What follows, in the same transaction, from what changed by facet."""


async def nothing_follows(_tx: Transaction, _changed: Mapping[str, Mapping[Purpose, bool]]) -> None:
    """Where nothing rests on consent yet."""


async def use_minimum_age(db: Database, minimum_age: int, follow: Follow = nothing_follows) -> None:
    """Let a minimum age hold for everybody, also for what was said before; 0 asks nobody for her age."""
    row = await db.fetch_one("consent.rules")
    if row is not None and (row["minimum_age"], row["settled"]) == (minimum_age, 1):
        return
    async with db.transaction() as tx:
        await tx.execute("consent.set_rules", minimum_age=minimum_age, settled=False)
    after = ""
    while rows := await db.fetch("consent.aged", after=after, most=AT_ONCE):
        shoppers = [row["shopper"] for row in rows]
        await insist(partial(_anew, db, shoppers, follow))
        after = shoppers[-1]
    async with db.transaction() as tx:
        await tx.execute("consent.set_rules", minimum_age=minimum_age, settled=True)


async def _anew(db: Database, shoppers: Sequence[str], follow: Follow) -> None:
    async with db.transaction() as tx:
        changed = await settle(tx, shoppers)
        if changed:
            await follow(tx, changed)
