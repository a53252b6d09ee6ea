"""Lists on both engines, held against the same list made the slow way: each filter, order, direction, page by page."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from beacons.registry import Beacon, Gateway, Store
from push.database.listed import LISTS
from push.database.statements import Engine, compile_statement
from push.model.errors import MisfitError
from push.model.ports import Database
from push.registry import directory, listing, walks
from push.registry.listing import Asked, Filters
from push.registry.walks import Direction
from tests.support.outbox import VAULT

ROLES, FORMATS, GROUPS, LABELS = (
    ("tag", "fixture"),
    ("ibeacon", "uid", "eid"),
    ("north", "south", None),
    ("a", "b", "a:c"),
)
NAMES = ("", "Kasse", "kasse 2", "Übergang", "Regal", "regal")
COUNT = 120


def beacon(n: int, chance: random.Random) -> Beacon:
    form = chance.choice(FORMATS)
    digits = {"ibeacon": 40, "uid": 32, "eid": 0}[form]
    role = chance.choice(ROLES)
    return Beacon(
        id=f"{chance.choice('aBc-_')}{n}",
        role=role,  # type: ignore[arg-type]  # one of them
        format=form,  # type: ignore[arg-type]  # one of them
        static_id=f"{n:0{digits}x}" if digits else None,
        store=chance.choice(("s1", "s2")) if role == "fixture" else None,
        staff=chance.random() < 0.2,
        name=chance.choice(NAMES),
        group=chance.choice(GROUPS),
        labels=tuple(sorted(chance.sample(LABELS, chance.randrange(3)))),
        battery=chance.choice(("", "CR2032")),
    )


async def fill(db: Database) -> list[Beacon]:
    chance = random.Random(7)  # noqa: S311 - no secret
    made = [beacon(n, chance) for n in range(COUNT)]
    async with db.transaction() as tx:
        for one in made:
            await directory.put_beacon(tx, one, b"\6" * 16 if one.format == "eid" else None, VAULT)
    return made + [b for b in await directory.beacons(db) if b.id not in {one.id for one in made}]


def passes(one: Beacon, filters: Filters) -> bool:
    equal = ("store", "zone", "role", "format", "group", "staff")
    if any(getattr(filters, f) is not None and getattr(one, f) != getattr(filters, f) for f in equal):
        return False
    if filters.label is not None and filters.label not in one.labels:
        return False
    if filters.stores is not None and one.store not in filters.stores:
        return False
    q = filters.q
    return q is None or one.id.startswith(q) or one.name.casefold().startswith(q.casefold())


def sorting(by: str) -> Callable[[Any], tuple[bytes, bytes]]:
    def key(one: Any) -> tuple[bytes, bytes]:  # noqa: ANN401 - a record
        value = "" if by == "id" else (getattr(one, by) or "")
        return (value.casefold() if by == "name" else value).encode(), one.id.encode()

    return key


async def everything(db: Database, asked: Asked) -> tuple[list[str], list[Any]]:
    """The ids of all pages, and what each page said beside them."""
    ids: list[str] = []
    pages, after = [], None
    while True:
        got = await listing.beacons(
            db,
            Asked(filters=asked.filters, sort=asked.sort, direction=asked.direction, after=after, limit=asked.limit),
        )
        ids += [item.beacon.id for item in got.items]
        pages.append(got)
        after = got.after
        if after is None:
            return ids, pages


def drawn(chance: random.Random, sorts: tuple[str, ...]) -> Asked:
    choices: dict[str, tuple[Any, ...]] = {
        "store": ("s1", "s2"), "role": ROLES, "format": FORMATS, "group": ("north", "south"), "label": LABELS,
        "staff": (True, False), "q": ("a", "B", "kas", "REG", "ü", "zzz"), "stores": (frozenset({"s1"}), frozenset()),
    }  # fmt: skip
    names = chance.sample(sorted(choices), chance.randrange(4))
    direction: Direction = chance.choice(("asc", "desc"))
    return Asked(
        filters=Filters(**{name: chance.choice(choices[name]) for name in names}),
        sort=chance.choice(sorts),
        direction=direction,
        limit=chance.choice((1, 7, 50)),
    )


async def test_few_are_filtered_sorted_and_counted_exactly(db: Database) -> None:
    made, chance = await fill(db), random.Random(1)  # noqa: S311 - no secret
    for _ in range(60):
        asked = drawn(chance, listing.BEACONS.sorts)
        expected = sorted((b for b in made if passes(b, asked.filters)), key=sorting(asked.sort))
        if asked.direction == "desc":
            expected.reverse()
        ids, pages = await everything(db, asked)
        assert ids == [b.id for b in expected], asked
        assert {(page.total, page.is_exact) for page in pages} == {(len(expected), True)}


async def test_many_are_walked_along_an_index_without_losing_or_repeating_any(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "FEW", 5)
    monkeypatch.setattr(walks, "MOST_WALKED", 11)
    made, chance = await fill(db), random.Random(2)  # noqa: S311 - no secret
    for _ in range(60):
        asked = drawn(chance, ("id",))
        expected = sorted((b for b in made if passes(b, asked.filters)), key=sorting("id"))
        if asked.direction == "desc":
            expected.reverse()
        assert (await everything(db, asked))[0] == [b.id for b in expected], asked


@pytest.mark.parametrize("direction", ["asc", "desc"])
async def test_all_of_many_come_by_name_too(
    db: Database, monkeypatch: pytest.MonkeyPatch, direction: Direction
) -> None:
    made = await fill(db)
    monkeypatch.setattr(listing, "FEW", 5)
    monkeypatch.setattr(walks, "MOST_WALKED", 11)
    expected = sorted(made, key=sorting("name"), reverse=direction == "desc")
    ids, pages = await everything(db, Asked(sort="name", direction=direction, limit=7))
    assert ids == [b.id for b in expected]
    assert {(page.total, page.is_exact) for page in pages} == {(5, False)}


async def test_an_order_that_no_index_has_is_refused_for_many(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(db)
    monkeypatch.setattr(listing, "FEW", 5)
    with pytest.raises(MisfitError, match="more than 5 are found, which come by id alone"):
        await listing.beacons(db, Asked(filters=Filters(role="tag"), sort="name"))


@pytest.mark.parametrize(
    "asked",
    [
        Asked(sort="shopper"),
        Asked(filters=Filters(zone="z1")),
        Asked(after="nonsense"),
        Asked(after="WzUsIngiXQ"),
    ],
)
async def test_what_a_list_does_not_know_is_refused(db: Database, asked: Asked) -> None:
    with pytest.raises(MisfitError, match=r"list: "):
        await listing.beacons(db, asked)


async def test_a_filter_of_another_list_is_refused(db: Database) -> None:
    with pytest.raises(MisfitError, match="role: gateways are filtered by store, zone, group, label, q"):
        await listing.gateways(db, Asked(filters=Filters(role="tag")))


async def test_labels_follow_what_is_changed_and_deleted(db: Database) -> None:
    made = {b.id: b for b in await fill(db) if b.labels}
    name, one = next(iter(made.items()))
    bare = Beacon(**{f: getattr(one, f) for f in one.__struct_fields__} | {"labels": ("new",)})
    async with db.transaction() as tx:
        await directory.put_beacon(tx, bare, None, VAULT)
    for label in one.labels:
        assert name not in (await everything(db, Asked(filters=Filters(label=label))))[0]
    assert (await everything(db, Asked(filters=Filters(label="new"))))[0] == [name]
    async with db.transaction() as tx:
        await directory.delete_beacon(tx, bare)
    assert (await everything(db, Asked(filters=Filters(label="new"))))[0] == []


async def test_stores_and_gateways_are_listed_alike(db: Database) -> None:
    async with db.transaction() as tx:
        for n in range(12):
            store = Store(id=f"x{n:02}", name=f"Laden {n}", group="north" if n % 2 else None, labels=("big",))
            await directory.put_store(tx, store)
            gateway = Gateway(id=f"y{n:02}", store=f"x{n // 4:02}", name=f"Tür {n}", labels=("door",) if n < 5 else ())
            await directory.put_gateway(tx, gateway, b"\5" * 32, VAULT)
    north = await listing.stores(db, Asked(filters=Filters(group="north"), sort="name", direction="desc", limit=2))
    assert [item.store.id for item in north.items] == ["x09", "x07"]
    assert (north.total, north.is_exact, north.after is None) == (6, True, False)
    kept = await listing.stores(db, Asked(filters=Filters(stores=frozenset({"x01", "x02"}), label="big")))
    assert [item.store.id for item in kept.items] == ["x01", "x02"]
    doors = await listing.gateways(db, Asked(filters=Filters(label="door", store="x00")))
    assert [item.gateway.id for item in doors.items] == ["y00", "y01", "y02", "y03"]
    assert (await listing.gateways(db, Asked(filters=Filters(q="tür 1")))).total == 3


def test_pages_are_sorted_as_their_index_is_whatever_language_the_database_sorts_in() -> None:
    """Else a page that is cut off ends elsewhere than the next one begins: records are lost between them."""
    sources = [source for each in LISTS for source in each.statements() if ".walk." in source.name]
    by_text = [source for source in sources if ".time." not in source.name]
    assert by_text
    for source in by_text:
        assert ' COLLATE "C" AS sort_key' in compile_statement(source, Engine.POSTGRESQL).sql, source.name
