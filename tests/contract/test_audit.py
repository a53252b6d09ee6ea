"""The audit trail, on both engines: written with what it tells of, found by whatever somebody remembers of it."""

import pytest

from beacons.registry import Store
from push.model.errors import MisfitError
from push.model.ports import Database
from push.registry import walks
from push.registry.audit import Asked, Entry, audit, page


async def write(db: Database, count: int) -> None:
    async with db.transaction() as tx:
        for n in range(count):
            actor, store = f"operator:{'ann' if n % 3 else 'bob'}", f"s{n % 2}"
            await audit(tx, actor, "put beacon", f"beacon b{n % 5}", 1000 + n // 2, store=store, after={"n": n})


async def everything(db: Database, asked: Asked) -> list[Entry]:
    """All pages, one after the other."""
    found: list[Entry] = []
    after = asked.after
    while True:
        got = await page(db, Asked(**{f: getattr(asked, f) for f in asked.__struct_fields__} | {"after": after}))
        found += got.items
        after = got.after
        if after is None:
            return found


async def test_what_was_done_is_kept_in_its_transaction_with_what_stood_before_and_after(db: Database) -> None:
    store = Store(id="s1", name="Hamburg")
    async with db.transaction() as tx:
        await audit(tx, "operator:1", "put store", "store s1", 5, before=None, after=store, store="s1")
    [entry] = (await page(db, Asked())).items
    told = (entry.actor, entry.action, entry.subject, entry.at_ms, entry.store)
    assert told == ("operator:1", "put store", "store s1", 5, "s1")
    assert entry.before is None
    assert entry.after["name"] == "Hamburg"


async def test_what_is_rolled_back_was_not_done(db: Database) -> None:
    async def fail() -> None:
        async with db.transaction() as tx:
            await audit(tx, "operator:1", "put store", "s1", 5)
            raise KeyError("mine")

    with pytest.raises(KeyError):
        await fail()
    assert (await page(db, Asked())).items == ()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (Asked(limit=7), 40),
        (Asked(subject="beacon b1", limit=3), 8),
        (Asked(actor="operator:bob", limit=3), 14),
        (Asked(action="put beacon", limit=40), 40),
        (Asked(store="s1", limit=3), 20),
        (Asked(stores=frozenset({"s0", "other"}), limit=3), 20),
        (Asked(stores=frozenset(), limit=3), 0),
        (Asked(actor="operator:bob", store="s0", limit=2), 7),
        (Asked(from_ms=1005, until_ms=1010, limit=3), 10),
        (Asked(subject="nobody"), 0),
    ],
)
async def test_entries_are_found_by_what_is_known_of_them_each_once_newest_first(
    db: Database, asked: Asked, expected: int
) -> None:
    await write(db, 40)
    found = await everything(db, asked)
    assert len({entry.id for entry in found}) == len(found) == expected
    assert [e.at_ms for e in found] == sorted((e.at_ms for e in found), reverse=True)


async def test_what_is_rare_is_found_behind_pages_that_are_empty(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walks, "MOST_WALKED", 10)
    await write(db, 60)
    asked = Asked(stores=frozenset({"s1"}), actor="operator:bob", limit=20)
    assert (await page(db, asked)).after is not None
    assert len(await everything(db, asked)) == 10


@pytest.mark.parametrize("after", ["x", "", "é", "bm90aGluZw", "WyIiLCIiXQ", "WzFlNDAsIiJd", "WzEsIlx1MDAwMCJd"])
async def test_a_cursor_that_is_none_is_refused(db: Database, after: str) -> None:
    with pytest.raises(MisfitError, match=r"list: after: expected what the page before said"):
        await page(db, Asked(after=after))
