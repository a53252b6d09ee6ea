"""People with traits, events and consents in a real database, and segments of them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from push.model.people import Purpose
from push.model.ports import Database
from push.model.profiles import Identifier, Json, Statement
from push.profiles import consent, keys, people, traits
from push.profiles.catalogue.view import Catalogue
from push.profiles.collect import tracked
from push.profiles.derived import reading, store
from push.profiles.derived.features import NOTHING
from push.profiles.derived.sketches import Population, Populations
from push.profiles.desk import BUILT_IN
from push.profiles.segments import membership, records
from push.profiles.segments.book import Shelf
from push.profiles.segments.membership import Means, Move
from push.profiles.segments.records import By, SegmentBody, Written
from push.profiles.segments.runner import Runner
from push.profiles.segments.settings import SegmentSettings
from push.profiles.settings import ProfileSettings
from push.profiles.view import Sight
from tests.support.clocks import SettableClock
from tests.support.keyrings import KEYRING

AGREED: tuple[Purpose, ...] = ("profiling", "location", "marketing")


def fact(name: str, op: str, value: object = None) -> dict[str, Any]:
    return {"kind": "fact", "fact": name, "op": op, "value": value}


class Town(NamedTuple):
    """People, and what looks at them."""

    db: Database
    clock: SettableClock
    means: Means
    runner: Runner

    async def person(self, shopper: str, said: Mapping[str, Json] | None = None, *, agreed: bool = True) -> None:
        """Somebody, with traits; she agreed to be profiled."""
        async with self.db.transaction() as tx:
            await people.ensure_shopper(tx, shopper, self.clock.now_ms())
            opened = await keys.ensure(tx, KEYRING, [shopper])
            state = traits.fold(traits.TraitState(), self._statement(shopper, "identify", "", traits=dict(said or {})))
            await traits.write(tx, opened, {shopper: state}, self.clock.now_ms())
            if agreed:
                await consent.set_consents(
                    tx, shopper, dict.fromkeys(AGREED, True), at_ms=self.clock.now_ms(), source="test"
                )

    async def did(self, shopper: str, name: str, properties: Mapping[str, Json] | None = None) -> None:
        """Somebody does something, now."""
        said = self._statement(shopper, "track", name, properties=dict(properties or {}))
        async with self.db.transaction() as tx:
            opened = await keys.ensure(tx, KEYRING, [shopper])
            await tracked.write(tx, opened, [(shopper, said)])
            before = (await store.of_facets(tx, KEYRING, [shopper])).get(shopper, NOTHING)
            goods = self.means.sight.goods
            await store.write(tx, opened, {shopper: reading.fold(before, [said], goods)}, self.clock.now_ms())

    def _statement(self, shopper: str, kind: Any, name: str, **said: Any) -> Statement:  # noqa: ANN401 - of a statement
        now_ms = self.clock.now_ms()
        return Statement(
            id=f"{shopper}-{kind}-{name}-{now_ms}", home=Identifier("user_id", shopper), kind=kind, name=name,
            source="test", at_ms=now_ms, received_ms=now_ms, **said,
        )  # fmt: skip

    async def segment(self, name: str, rule: dict[str, Any], expect: int | None = None) -> Written:
        """Save a segment."""
        async with self.db.transaction() as tx:
            return await records.put(
                tx, name, SegmentBody(name=name.title(), rule=rule), By("test", self.clock.now_ms(), expect),
                records.Limits(SegmentSettings(), BUILT_IN),
            )  # fmt: skip

    async def built(self) -> None:
        """Wait until nothing is left to do."""
        while await self.runner.step():
            pass

    async def look(self, *persons: str, changed: Sequence[str] | None = None) -> list[tuple[str, str, str]]:
        """Reconsider people; who moved: segment, person, how."""
        async with self.db.transaction() as tx:
            moves = await membership.reconsider(tx, self.means, persons, self.clock.now_ms(), changed=changed)
        return [_short(move) for move in moves]

    async def told(self) -> list[tuple[str, str, str]]:
        """Everything that was told so far."""
        return [_short(move) for _, move in await membership.moves(self.db, 0, 1000)]

    async def members(self, segment: str) -> list[str]:
        """Who is in a segment; the count that is kept says the same."""
        rows = await self.db.fetch("segments.members", segment=segment, after="", most=1000)
        found = await records.get(self.db, segment)
        assert found is not None
        assert found.members == len(rows)
        return [row["person"] for row in rows]


def _short(move: Move) -> tuple[str, str, str]:
    return move.segment, move.person, move.kind


def town(db: Database, clock: SettableClock, goods: Catalogue | None = None) -> Town:
    populations = Populations(clock)

    async def population() -> Population:
        return await populations.now(db)

    sight = Sight(KEYRING, ProfileSettings(), goods or Catalogue(), population)
    means = Means(Shelf(), sight)
    return Town(db, clock, means, Runner(db, means, SegmentSettings(), clock))
