"""Notes of changes get their numbers on both databases: each once, in order, however many processes give them."""

import asyncio

from push.deliver import hook_changes
from push.deliver.hooks import Asked, made, put
from push.model.ports import Database
from push.profiles import changes, consent
from push.profiles.changes import Moved
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.identities import facet, known, link, said
from tests.support.outbox import VAULT
from tests.support.small_api import Unposted


async def noted(db: Database, n: int) -> None:
    async with db.transaction() as tx:
        await changes.segments(tx, [Moved("segment.entered", facet("u1"), f"s{n}")])


async def told(db: Database) -> list[tuple[str, str, str]]:
    rows = await db.fetch("events.after", after_seq=0, most=1000)
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    return [(row["kind"], row["shopper"], row["detail"] or "") for row in rows]


async def test_processes_that_number_at_once_number_each_note_once_in_its_order(database_url: str) -> None:
    asked = Asked(kinds=("segment.entered",))
    async with (
        open_database(database_url, SettableClock()) as db,
        open_database(database_url, SettableClock()) as other,
    ):
        async with db.transaction() as tx:
            await put(tx, VAULT, made(Unposted(), "https://crm.example/x", asked), 1)
        for n in range(20):
            await noted(db, n)
            if n % 5 == 0:
                await asyncio.gather(hook_changes.number(db, 1), hook_changes.number(other, 1), noted(db, 100 + n))
        await hook_changes.number(other, 1)
        assert await hook_changes.number(db, 1) == 0
        found = [detail for kind, _, detail in await told(db) if kind == "segment.entered"]
    regular = [f'{{"segment":"s{n}"}}' for n in range(20)]
    assert [one for one in found if one in regular] == regular
    assert len(found) == len({*found}) == 24


async def test_who_was_met_at_once_with_several_identifiers_was_never_two(database_url: str) -> None:
    """And what she agrees to is noted of the facet that a hook knows her by, of what is another now."""
    asked = Asked(kinds=("profile.merged", "profile.consent_changed"))
    async with open_database(database_url, SettableClock()) as db:
        async with db.transaction() as tx:
            await put(tx, VAULT, made(Unposted(), "https://crm.example/x", asked), 1)
            await known(tx, ["u1", "a1"], 99)
        await link(db, [said("u1", "a1", 5)])
        async with db.transaction() as tx:
            await known(tx, ["a2"], 50)
            await consent.set_consents(tx, facet("u1"), {"location": True}, at_ms=60, source="test")
            await consent.set_consents(tx, facet("u1"), {"location": True}, at_ms=61, source="test")
        await link(db, [said("u1", "a2", 6)])
        await hook_changes.number(db, 1)
        assert await told(db) == [
            ("profile.consent_changed", facet("u1"), '{"purposes":{"location":true}}'),
            ("profile.merged", facet("u1"), ""),
        ]
