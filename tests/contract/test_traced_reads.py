"""Consent is never bypassed: in a build in which every read is traced, nothing personal is read without a permit."""

import random
from collections.abc import AsyncIterator
from typing import get_args

import pytest

from push.model.campaigns import Trigger
from push.model.people import PURPOSES, Purpose
from push.model.ports import Database
from push.profiles import consent, permits, registered, traits
from push.profiles.permits import Permit, Use
from tests.support.campaigns import campaign
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.ingest import PEOPLE, STATIC, T0_MS, Box, Server, WireGateway, register
from tests.support.keyrings import KEYRING
from tests.support.traced import TracedDatabase, UnpermittedError

TITLE = "{{ shopper.name | default: 'Somebody' }}"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(T0_MS)


@pytest.fixture
async def db(database_url: str, clock: SettableClock) -> AsyncIterator[Database]:
    """Ann and Bob are one person; Cyd is herself."""
    async with open_database(database_url, clock) as opened:
        offers = [
            campaign("c0", trigger=Trigger(kind="store_entered"), title=TITLE),
            campaign("c1", trigger=Trigger(kind="dwelled", mark_s=30), title=TITLE),
            campaign("c2", trigger=Trigger(kind="zone_entered"), title="Hello everybody"),
        ]
        await register(opened, offers)
        async with opened.transaction() as tx:
            for name in PEOPLE:
                await registered.put(tx, KEYRING, name, {"name": name.upper()}, 0)
            await tx.execute("identity.set_person", id="bob", person="ann")
        yield opened


async def test_the_trace_finds_a_read_without_a_permit(db: Database) -> None:
    traced = TracedDatabase(db)
    async with traced.transaction() as tx:
        with pytest.raises(UnpermittedError, match="ann"):
            await traits.load(tx, KEYRING, ["ann"])
    await _say(db, "cyd", profiling=True)
    async with traced.transaction() as tx:
        assert set(await permits.all_to_profile(tx, ["ann", "cyd"], T0_MS)) == {"cyd"}
        await traits.load(tx, KEYRING, ["cyd"])
        with pytest.raises(UnpermittedError, match="ann"):
            await traits.load(tx, KEYRING, ["ann", "cyd"])
    assert traced.reads == ["traits.of_people"]


@pytest.mark.parametrize("seed", range(4))
async def test_ingest_reads_nobody_who_may_not_be_profiled(db: Database, clock: SettableClock, seed: int) -> None:
    """Whatever is said in whichever order: every read follows a look that found it granted, and is counted."""
    chance = random.Random(seed)  # noqa: S311 - a schedule that repeats itself
    traced = TracedDatabase(db)
    for name in PEOPLE:
        await _say(db, name, profiling=name != "cyd", location=True, marketing=True, inapp=True)
    server = await Server(traced, clock, Box()).start()
    gateways = [WireGateway("g1", clock), WireGateway("g2", clock, boot="11" * 8)]
    await server.take(gateways[0], gateways[0].batch(*[gateways[0].heard(raw) for raw in STATIC.values()]))
    for _ in range(40):
        clock.advance(chance.choice([1000, 9000, 90_000]))
        if chance.random() < 0.4:
            await _say(db, chance.choice(PEOPLE), profiling=chance.random() < 0.5, at_ms=clock.now_ms())
        gateway = chance.choice(gateways)
        await server.take(gateway, gateway.batch(*[gateway.heard(raw) for raw in STATIC.values()]))
        await server.engine.tick()
    assert traced.reads, "somebody's name was read, or this proves nothing"
    counted = {name: await permits.kept(db, name) for name in ("ann", "cyd")}
    words = [row for rows in counted.values() for row in rows if row["used_for"] == "words"]
    assert sum(int(row["times"]) for row in words if row["allowed"]) == len(traced.reads)
    assert any(not row["allowed"] for row in words), "and somebody's was not"


async def _say(db: Database, shopper: str, *, at_ms: int = T0_MS, **purposes: bool) -> None:
    async with db.transaction() as tx:
        said: dict[Purpose, bool] = {purpose: purposes[purpose] for purpose in PURPOSES if purpose in purposes}
        await consent.set_consents(tx, shopper, said, at_ms=at_ms, source="test")


def test_a_permit_says_for_whom_and_since_when_and_for_what_purposes_checks_are_counted() -> None:
    made = permits.to_profile("ann", frozenset({"profiling"}), 5)
    assert isinstance(made, Permit)
    assert (made.shopper, made.checked_ms) == ("ann", 5)
    assert permits.to_profile("ann", frozenset({"location", "marketing"}), 5) is None
    assert get_args(Use) == ("words", "segments", "send", "hooks")
