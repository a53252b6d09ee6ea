"""Changes of people as hooks are told of them: what they ask for, by whom they know them, as far as these agree."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import pytest

from push.deliver import hooks
from push.model.ports import Transaction
from push.model.profiles import Identifier, Json, Statement
from push.profiles import consent, farewells
from push.profiles.collect.apply import apply, follow
from push.profiles.desk import Desk
from push.profiles.erased import Ledger
from push.profiles.identity import facets, merging
from push.profiles.identity.kinds import Kinds
from push.profiles.identity.merging import Hand
from push.profiles.keys import Keyring
from push.profiles.rights import erasing
from push.profiles.settings import ProfileSettings
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.hook_world import World, hook_world
from tests.support.keyrings import KEYRING, keyring_in
from tests.support.outbox import VAULT
from tests.support.segmented import Town, fact, town
from tests.support.servers import becomes
from tests.support.tasks import background

ALL: Final = (
    "profile.traits_changed", "profile.merged", "profile.split", "profile.consent_changed", "profile.erased",
    "segment.entered", "segment.left",
)  # fmt: skip
DAY_MS: Final = 86_400_000


class Place(NamedTuple):
    """People, and hooks that do not run yet."""

    world: World
    clock: SettableClock
    desk: Desk
    town: Town
    folder: Path

    async def say(self, home: str, *also: str, agreed: Mapping[str, bool] | None = None, **traits: Json) -> None:
        """Somebody is identified, and says what she agrees to."""
        statement = self.statement(home, *also, agreed=agreed, **traits)
        await self.take(statement)

    async def take(self, *statements: Statement) -> None:
        """Statements come in, in one batch."""
        async with self.world.db.transaction() as tx:
            await apply(tx, self.desk, statements, self.clock.now_ms())

    def statement(self, home: str, *also: str, agreed: Mapping[str, bool] | None = None, **traits: Json) -> Statement:
        """What somebody says, a second after what was said before."""
        self.clock.advance(1000)
        now_ms = self.clock.now_ms()
        said: dict[str, Json] = {**(agreed or {})}
        return Statement(
            id=f"{home}-{now_ms}", home=_identifier(home), also=tuple(map(_identifier, also)), kind="identify",
            traits=traits, context={"consent": {"categoryPreferences": said}}, source="shop", at_ms=now_ms,
            received_ms=now_ms,
        )  # fmt: skip

    async def cut(self) -> None:
        """Part whom the only link joins."""
        now_ms = self.clock.now_ms()
        [link] = await self.world.db.fetch("identity.links_of", ids=facets.listed([self.facet("u1")]))
        async with self.world.db.transaction() as tx:
            merged = await merging.cut(tx, self.desk, link["id"], Hand("test", "a mistake", now_ms))
            await consent.settle(tx, merged.shoppers)
            await follow(tx, self.desk, merged.persons, now_ms)

    async def erase(self, name: str, keyring: Keyring = KEYRING) -> None:
        async def note(tx: Transaction, gone: erasing.Erased) -> None:
            del tx, gone

        means = erasing.Means(self.world.db, VAULT, keyring, Ledger(self.folder))
        assert await erasing.erase(means, self.facet(name), self.world.clock.now_ms(), note)
        await erasing.scrub(self.world.db)

    def facet(self, name: str) -> str:
        return facets.facet_id(_identifier(name), VAULT)

    async def farewells(self, hook: str) -> list[tuple[str, ...]]:
        """What is kept of those who were erased, for a hook to be told."""
        db = self.world.db
        rows = [*await db.fetch("changes.first", most=99), *await db.fetch("events.after", after_seq=0, most=99)]
        names = [msgspec.json.decode(row["detail"])["farewell"] for row in rows if row["kind"] == "profile.erased"]
        return [ids for name in names if (ids := await farewells.read(db, KEYRING, name, hook))]

    async def told(self) -> list[tuple[str, dict[str, Any]]]:
        """Everything that the receiver is told, once it took all that there is."""
        async with background(self.world.hooks.run()):
            await becomes(self._is_over, "the last change to be told")
        bodies: Sequence[dict[str, Any]] = [request.body for request in self.world.receiver.taken]
        left_out = {"seq", "identifier"}
        return [(body["type"], {k: v for k, v in body["data"].items() if k not in left_out}) for body in bodies]

    async def _is_over(self) -> bool:
        if await self.world.db.fetch_one("changes.waiting") is not None:
            return False
        return all(row.next_seq == row.last_seq + 1 for row in await hooks.listed(self.world.db))


def _identifier(name: str) -> Identifier:
    kinds = {"u": "user_id", "m": "email", "a": "anonymous_id"}
    return Identifier(kinds[name[0]], name)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Place]:
    clock = SettableClock()
    settings = ProfileSettings(consent_categories={"profiling": ("profiling",)}, minimum_age=0)
    async with open_database(f"sqlite://{tmp_path}/push.db", clock) as db, hook_world(db, tmp_path) as world:
        desk = Desk(VAULT, KEYRING, Kinds(), settings)
        yield Place(world, clock, desk, town(world.db, clock), tmp_path)


YES: Final[Mapping[str, bool]] = {"profiling": True}
NO: Final[Mapping[str, bool]] = {"profiling": False}


async def test_who_changes_is_told_of_once_for_what_she_said_with_values_that_may_go_out(here: Place) -> None:
    await here.world.register(*ALL)
    await here.say("u1", agreed=YES, city="Bonn", plan="gold")
    await here.say("u1", city="Bonn", plan="gold")  # says nothing new
    await here.say("a1", agreed=YES, city="Kiel")  # no hook knows her
    await here.say("u1", city="Berlin", plan="gold", name="Ada")
    await here.say("u1", "m1", city=None)
    await here.take(here.statement("u1", age=40), here.statement("m1", height=170))  # one person's, in one batch
    assert await here.told() == [
        ("profile.consent_changed", {"ids": ["u1"], "purposes": {"profiling": True}}),
        ("profile.traits_changed", {"ids": ["u1"], "traits": ["city", "plan"], "values": {"city": None}}),
        ("profile.traits_changed", {"ids": ["u1"], "traits": ["city", "name"], "values": {"city": None}}),
        ("profile.traits_changed", {"ids": ["u1"], "traits": ["city"], "values": {"city": None}}),
        ("profile.traits_changed", {"ids": ["u1"], "traits": ["age", "height"], "values": {}}),
    ]


async def test_what_is_not_told_yet_is_not_told_after_a_withdrawal_but_that_is(here: Place) -> None:
    await here.town.segment("berlin", fact("traits.city", "is", "Berlin"))
    await here.town.built()
    await here.world.register(*ALL)
    await here.say("u1", agreed=YES, city="Berlin")
    await here.town.built()
    assert await here.town.told() == [("berlin", here.facet("u1"), "entered")]
    await here.say("u1", agreed=NO)
    await here.town.built()
    assert await here.told() == [
        ("profile.consent_changed", {"ids": ["u1"], "purposes": {"profiling": True}}),
        ("profile.consent_changed", {"ids": ["u1"], "purposes": {"profiling": False}}),
    ]


async def test_who_becomes_one_person_and_two_again_is_told_of_and_segments_by_what_is_another(here: Place) -> None:
    """Two customers' mailboxes, each in a segment of her own: what one brings, both have, until they are parted."""
    await here.town.segment("berlin", fact("traits.city", "is", "Berlin"))
    await here.town.segment("gold", fact("traits.plan", "is", "gold"))
    await here.town.segment("plain", fact("traits.plan", "unknown"))
    await here.town.built()
    await here.world.register("profile.merged", "profile.split", "segment.entered", "segment.left", identifier="email")
    await here.say("m1", agreed=YES, city="Berlin")
    await here.say("u1", agreed=YES, plan="gold")
    await here.town.built()
    assert len(await here.told()) == 2
    await here.say("u1", "m1")
    await here.town.built()
    assert len(await here.told()) == 4
    await here.cut()
    await here.town.built()
    assert await here.told() == [
        ("segment.entered", {"ids": ["m1"], "segment": "berlin"}),
        ("segment.entered", {"ids": ["m1"], "segment": "plain"}),
        ("profile.merged", {"ids": ["m1"], "values": {"city": "Berlin"}}),
        ("segment.left", {"ids": ["m1"], "segment": "plain"}),
        ("profile.split", {"ids": ["m1"], "values": {"city": "Berlin"}}),
        ("segment.left", {"ids": ["m1"], "segment": "gold"}),
        ("segment.entered", {"ids": ["m1"], "segment": "plain"}),
    ]


async def test_a_hook_gets_its_segments_and_traits_and_others_are_told_of_messages_alone(here: Place) -> None:
    for name in ("berlin", "any"):
        await here.town.segment(name, {"kind": "all", "of": []})
    await here.town.built()
    await here.world.register(url=here.world.receiver.url.replace("/hook", "/messages"))
    await here.world.register(
        "segment.entered", "profile.traits_changed", "profile.consent_changed", segments=("any",), traits=("plan",)
    )
    await here.say("u1", agreed=YES, plan="gold", city="Bonn")
    await here.say("u1", city="Berlin")
    await here.town.built()
    assert await here.told() == [
        ("profile.consent_changed", {"ids": ["u1"], "purposes": {"profiling": True}}),
        ("profile.traits_changed", {"ids": ["u1"], "traits": ["plan"], "values": {}}),
        ("segment.entered", {"ids": ["u1"], "segment": "any"}),
    ]


async def test_who_is_erased_is_told_of_and_then_forgotten(here: Place) -> None:
    name = "u-wilhelmine-1815"
    hook = await here.world.register("profile.erased", "profile.traits_changed", "profile.consent_changed")
    await here.world.register("profile.erased", identifier="phone")  # does not know her
    await here.say(name, agreed=YES, city="Berlin")
    await here.erase(name)
    assert await here.farewells(hook) == [(name,)]
    written = b"".join(path.read_bytes() for path in here.folder.glob("push.db*"))
    assert name.encode() not in written
    assert await here.told() == [("profile.erased", {"ids": [name]})]
    assert await here.farewells(hook) == []


async def test_a_farewell_that_nobody_takes_is_kept_for_as_long_as_it_may_and_no_longer(here: Place) -> None:
    hook = await here.world.register("profile.erased")
    await here.say("u1", agreed=YES)
    await here.erase("u1")
    clock = here.world.clock
    clock.shift_ms += 29 * DAY_MS
    assert await here.world.hooks.prune() == 0
    assert await here.farewells(hook) == [("u1",)]
    clock.shift_ms += 2 * DAY_MS
    await here.world.hooks.prune()
    assert await here.farewells(hook) == []
    assert await here.told() == []


async def test_who_cannot_be_read_is_erased_all_the_same_and_keeps_no_hook_from_others(here: Place) -> None:
    await here.world.register("profile.consent_changed", "profile.erased")
    for name in ("u1", "u2", "u3"):
        await here.say(name, agreed=YES)
    lost = await asyncio.to_thread(keyring_in, here.folder / "other-keys")
    await here.erase("u1", lost)
    assert await facets.persons(here.world.db, [here.facet("u1")]) == {}
    [key] = await here.world.db.fetch("keys.of", ids=facets.listed([here.facet("u2")]))
    async with here.world.db.transaction() as tx:
        swap = {"shopper": key["shopper"], "before": key["wrapped"], "month": key["month"], "wrapped": b"no key"}
        await tx.execute_many("keys.swap", [swap])
    assert await here.told() == [("profile.consent_changed", {"ids": ["u3"], "purposes": {"profiling": True}})]
