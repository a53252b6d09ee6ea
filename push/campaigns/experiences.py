"""Experience by group of people: how many offers an app shows her at once, and in which layout.

segments, in order ─the first that she is in▶ her shelf          in none, or not to be profiled ─▶ everybody else's
"""

from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec

from beacons.topics import Id
from push.model.campaigns import Value
from push.model.errors import Fault, MisfitError, StaleError
from push.model.ports import Database, Queries, Transaction
from push.profiles import consent, permits
from push.profiles.permits import Check
from push.profiles.segments import membership, records
from push.profiles.segments.records import Limits, SegmentBody
from push.registry.audit import audit
from push.registry.editing import EXISTING

MOST_GROUPS: Final = 20
MOST_OFFERS: Final = 50
"""An app keeps no more."""
Layout = Literal["cards", "list", "hero"]
"""Cards; a line each; the latest one large, and a line each of the others."""


class Shelf(Value, frozen=True, kw_only=True):
    """How offers are shown to somebody: so many at once, the latest first; the others are one tap away."""

    offers: Annotated[int, msgspec.Meta(ge=1, le=MOST_OFFERS)] = MOST_OFFERS
    layout: Layout = "cards"


class Group(Shelf, frozen=True, kw_only=True):
    """How they are shown to who is in a segment."""

    segment: Id


class Experiences(Value, frozen=True, kw_only=True):
    """How offers are shown: the first group that somebody is in decides; `others` holds for who is in none."""

    groups: Annotated[tuple[Group, ...], msgspec.Meta(max_length=MOST_GROUPS)] = ()
    others: Shelf = Shelf()


class Held(NamedTuple):
    """What holds, and how often it was changed; `changed_by` is "" before that."""

    said: Experiences
    revision: int = 0
    changed_by: str = ""
    changed_ms: int = 0


class Recipe(NamedTuple):
    """A group to start from: a segment that may have to be made, and how offers are shown to it."""

    segment: str
    name: str
    description: str
    rule: dict[str, Any]
    shelf: Shelf


def _fact(name: str, op: str, value: int) -> dict[str, Any]:
    return {"kind": "fact", "fact": name, "op": op, "value": value}


RECIPES: Final = (
    Recipe(
        "newcomers",
        "Newcomers",
        "Heard of for the first time within 14 days, or in a store at most twice.",
        {"kind": "any", "of": [_fact("known_since", "within_days", 14), _fact("figures.visits", "at_most", 2)]},
        Shelf(offers=1, layout="hero"),
    ),
    Recipe(
        "regulars",
        "Regulars",
        "Five visits or three orders so far, and heard of within 60 days.",
        {
            "kind": "all",
            "of": [
                _fact("seen.last", "within_days", 60),
                {"kind": "any", "of": [_fact("figures.visits", "at_least", 5), _fact("figures.orders", "at_least", 3)]},
            ],
        },
        Shelf(offers=10, layout="list"),
    ),
)
"""Who is new sees one offer, large; who comes often finds what she looks for in a list."""


async def read(db: Queries, statement: str = "experiences.get") -> Held:
    """What holds. Raises `push.model.errors.DatabaseError`."""
    row = await db.fetch_one(statement)
    if row is None:
        return Held(Experiences())
    return Held(
        msgspec.json.decode(row["said"], type=Experiences), row["revision"], row["changed_by"], row["changed_ms"]
    )


class By(NamedTuple):
    """Who changes it, when, and which revision she saw, as `push.registry.editing` has it."""

    actor: str
    at_ms: int
    expect: int | None = None


async def put(tx: Transaction, said: Experiences, by: By) -> None:
    """Let this hold from now on. Raises `MisfitError`, `StaleError`."""
    before = await read(tx, "experiences.held")
    if by.expect is not None and by.expect not in {before.revision, EXISTING}:
        raise StaleError("experience", before.changed_by, before.changed_ms, before.revision, before.said)
    await _refuse(tx, said)
    if before.revision and before.said == said:
        return
    text = msgspec.json.encode(said).decode()
    await tx.execute("experiences.put", said=text, changed_by=by.actor, changed_ms=by.at_ms)
    await audit(tx, by.actor, "put experience", "experience", by.at_ms, before=before.said, after=said)


async def _refuse(tx: Transaction, said: Experiences) -> None:
    """Raises `MisfitError` for a segment that is not there, or that stands twice."""
    known = {row["id"] for row in await tx.fetch("segments.rules")}
    names = [group.segment for group in said.groups]
    faults = [
        Fault(f"groups[{n}].segment", f"groups[{n}].segment: there is no segment {name}")
        for n, name in enumerate(names)
        if name not in known
    ]
    faults += [
        Fault(f"groups[{n}].segment", f"groups[{n}].segment: {name} stands further up already")
        for n, name in enumerate(names)
        if name in names[:n]
    ]
    if faults:
        raise MisfitError("experience", tuple(faults))


async def of(db: Database, shopper: str, now_ms: int) -> Shelf:
    """How offers are shown to somebody: by her segments where she may be profiled, else as to everybody else."""
    said = (await read(db)).said
    if not said.groups:
        return said.others
    async with db.transaction() as tx:
        permit = permits.to_profile(shopper, await consent.granted(tx, shopper), now_ms)
        await permits.keep(tx, [Check(shopper, "profiling", "segments", permit is not None)], now_ms)
        inside = frozenset[str]() if permit is None else frozenset(await membership.of(tx, shopper))
    return next((_shelf(group) for group in said.groups if group.segment in inside), said.others)


def _shelf(group: Group) -> Shelf:
    """Without the segment: nobody is told which she is in."""
    return Shelf(offers=group.offers, layout=group.layout)


async def begin(tx: Transaction, by: By, limits: Limits) -> None:
    """Start from the recipes: their segments are made where there are none of their names.

    Raises `MisfitError`, `StaleError`.
    """
    for recipe in RECIPES:
        if await records.get(tx, recipe.segment) is None:
            body = SegmentBody(name=recipe.name, description=recipe.description, rule=recipe.rule)
            await records.put(tx, recipe.segment, body, records.By(by.actor, by.at_ms, 0), limits)
            subject, after = f"segment {recipe.segment}", records.for_trail(body)
            await audit(tx, by.actor, "put segment", subject, by.at_ms, after=after)
    others = (await read(tx)).said.others
    groups = tuple(Group(segment=each.segment, **msgspec.structs.asdict(each.shelf)) for each in RECIPES)
    await put(tx, Experiences(groups=groups, others=others), by)
