"""Segments as they are saved: read, put and deleted, each with its revision.

Whoever puts a new rule has everybody asked about it, in slices, by `push.profiles.segments.runner`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from push.model.errors import AbsentError, Fault, MisfitError, StaleError, TakenError
from push.model.ports import Queries, Row, Transaction
from push.model.rules.parse import RuleError, parse, written
from push.model.rules.tree import CONSENT, Fact, Leaf, Rule, leaves, read_by, uses
from push.profiles import view
from push.profiles.purposes.book import Purposes, UnknownPurposeError
from push.profiles.segments.book import asked_for, circle
from push.profiles.segments.settings import SegmentSettings

EXISTING: Final = -1
"""As `push.registry.editing` has it: whatever revision, but there must be one."""
INNER: Final = "~"
"""How the names of rooms' own segments begin (`push.profiles.segments.inner`)."""
TAKEN_NAMES: Final = frozenset({"overlap", "facts", "preview"})
"""What the API calls something else."""
OPERATORS: Final[Mapping[view.FactType, frozenset[str]]] = {
    "text": frozenset({"is", "is_not", "one_of", "none_of", "contains", "begins", "known", "unknown"}),
    "number": frozenset({"is", "is_not", "one_of", "none_of", "at_least", "at_most", "between", "known", "unknown"}),
    "boolean": frozenset({"is", "is_not", "known", "unknown"}),
    "time": frozenset({"after", "before", "within_days", "not_within_days", "ahead_days", "known", "unknown"}),
    "list": frozenset({"is", "is_not", "one_of", "none_of", "contains", "begins", "known", "unknown"}),
    "stays": frozenset(),
    "events": frozenset(),
}
"""Which operators fit a fact of a type; a trait may be of any, so that all fit."""


class SegmentBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A segment: who is in it is said by `rule`, a tree as docs/segments.md describes it."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    rule: dict[str, Any]
    description: Annotated[str, msgspec.Meta(max_length=1000)] = ""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How many people were asked about a rule that is new, of how many."""

    done: int
    total: int
    begun_ms: int


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A segment, how many are in it, and who changed it last; while it is `building`, not everybody was asked yet."""

    id: str
    name: str
    description: str
    rule: dict[str, Any]
    members: int
    building: Progress | None
    revision: int
    changed_by: str
    changed_ms: int


UNSAID: Final = "…"


def for_trail(one: SegmentBody | Record) -> dict[str, Any]:
    """What the audit trail is told: what a rule asks, not what it compares with, which may be somebody's mailbox."""
    return {**{name: getattr(one, name) for name in SegmentBody.__struct_fields__}, "rule": _unsaid(one.rule)}


def _unsaid(part: object) -> object:
    if isinstance(part, list | tuple):
        return [_unsaid(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {name: UNSAID if name == "value" else _unsaid(each) for name, each in part.items()}


class Written(NamedTuple):
    """What became of a segment, and what stood before."""

    revision: int
    is_changed: bool
    before: Record | None


class By(NamedTuple):
    """Who changes a segment, when, and which revision she saw (None: any, 0: there must be none yet)."""

    actor: str
    at_ms: int
    expect: int | None = None


class Limits(NamedTuple):
    """What segments are held to: how many there may be, and which purposes they may ask for."""

    settings: SegmentSettings
    purposes: Purposes


async def get(db: Queries, name: str) -> Record | None:
    """A segment, None where there is none."""
    row = await db.fetch_one("segments.get", id=name)
    return None if row is None else _record(row)


async def page(db: Queries, after: str, most: int) -> list[Record]:
    """Segments by id."""
    return [_record(row) for row in await db.fetch("segments.page", after=after, most=most)]


def _record(row: Row) -> Record:
    building = None
    if row["begun_ms"] is not None:
        building = Progress(done=row["done"], total=row["total"], begun_ms=row["begun_ms"])
    return Record(
        id=row["id"],
        name=row["name"],
        description=row["description"],
        rule=msgspec.json.decode(row["rule"]),
        members=row["members"],
        building=building,
        revision=row["revision"],
        changed_by=row["changed_by"],
        changed_ms=row["changed_ms"],
    )


def checked(name: str, raw: object, purposes: Purposes, also: tuple[str, ...] = ()) -> Rule:
    """The rule in a segment's JSON, of facts and purposes that there are, or whose names begin as `also` says.

    Raises `MisfitError` with where and what was expected.
    """
    try:
        rule = parse(raw)
    except RuleError as error:
        raise _misfit(name, f"rule{error.path[1:]}", error.expected) from None
    for leaf in leaves(rule):
        known = view.known(read_by(leaf))
        if known is None and also and read_by(leaf).startswith(also):
            continue
        if known is None:
            raise _misfit(name, "rule", f"there is no fact {read_by(leaf)!r}: one of /v1/segments/facts was expected")
        if isinstance(leaf, Fact):
            _fits(name, leaf, known.type)
        _agreeable(name, leaf, purposes)
    return rule


def _agreeable(name: str, leaf: Leaf, purposes: Purposes) -> None:
    used = read_by(leaf)
    if used.startswith(CONSENT):
        try:
            purposes.named(used.removeprefix(CONSENT))
        except UnknownPurposeError as error:
            raise _misfit(name, "rule", str(error)) from None


def _fits(name: str, leaf: Fact, kind: view.FactType) -> None:
    fitting = OPERATORS.get(kind)
    if fitting is not None and leaf.op not in fitting:
        words = ", ".join(sorted(fitting)) or "a part of its own kind (`did`, `place`)"
        raise _misfit(name, "rule", f"{leaf.fact} is a {kind}, which takes {words}, not {leaf.op!r}")


def _misfit(name: str, field: str, expected: str) -> MisfitError:
    return MisfitError(f"segment {name}", (Fault(field, f"{field}: {expected}"),))


async def put(tx: Transaction, name: str, item: SegmentBody, by: By, limits: Limits) -> Written:
    """Save a segment; of a new rule, everybody is asked from now on.

    Raises `MisfitError`, `StaleError`.
    """
    rule = checked(name, item.rule, limits.purposes)
    await tx.execute("segments.changed")
    before = await get(tx, name)
    _expect(name, before, by.expect)
    said = written(rule)
    if before is not None and (before.name, before.description, before.rule) == (item.name, item.description, said):
        return Written(before.revision, is_changed=False, before=before)
    await _refuse(tx, name, rule, limits.settings, is_new=before is None)
    await tx.execute(
        "segments.put",
        id=name,
        name=item.name,
        description=item.description,
        rule=msgspec.json.encode(said).decode(),
        places=any(used.startswith(view.OF_PLACES) for used in uses(rule)),
        changed_by=by.actor,
        changed_ms=by.at_ms,
    )
    await tx.execute("segments.put_count", segment=name)
    if before is None or before.rule != said:
        await begin(tx, name, by.at_ms)
    return Written(1 if before is None else before.revision + 1, is_changed=True, before=before)


async def begin(tx: Transaction, name: str, now_ms: int) -> None:
    """Have everybody asked about this segment, and about those that ask for it."""
    total = await tx.fetch_one("segments.total")
    rules = await _rules(tx)
    touched = {name}
    while more := {each for each, rule in rules.items() if asked_for(rule) & touched} - touched:
        touched |= more
    rows = [{"segment": one, "now_ms": now_ms, "total": 0 if total is None else total["n"]} for one in sorted(touched)]
    await tx.execute_many("segments.begin_build", rows)


async def _rules(db: Queries) -> dict[str, Rule]:
    return {row["id"]: parse(msgspec.json.decode(row["rule"])) for row in await db.fetch("segments.rules")}


async def _refuse(tx: Transaction, name: str, rule: Rule, settings: SegmentSettings, *, is_new: bool) -> None:
    """Refuse what cannot stand beside the others. Raises `MisfitError`."""
    rules = await _rules(tx)
    if is_new and (name in TAKEN_NAMES or _own(rules) >= settings.most):
        why = "another name was expected" if name in TAKEN_NAMES else f"at most {settings.most} segments were expected"
        raise _misfit(name, "id", why)
    absent = sorted(asked_for(rule) - rules.keys() - {name})
    if absent:
        raise _misfit(name, "rule", f"there is no segment {absent[0]}")
    found = circle({**rules, name: rule})
    if found is not None:
        raise _misfit(name, "rule", f"segments ask for each other in a circle: {' > '.join(found)}")


def _own(rules: Mapping[str, Rule]) -> int:
    """How many are people's."""
    return sum(not name.startswith(INNER) for name in rules)


async def delete(tx: Transaction, name: str, by: By) -> Record:
    """Delete a segment; what it was. Raises `AbsentError`, `StaleError`, `TakenError`: another asks for it."""
    await tx.execute("segments.changed")
    before = await get(tx, name)
    if before is None:
        raise AbsentError(f"segment {name}")
    _expect(name, before, by.expect)
    asking = tuple(sorted(other for other, rule in (await _rules(tx)).items() if name in asked_for(rule)))
    if asking:
        raise TakenError(f"segment {name}", f"others ask for it: {', '.join(asking[:10])}", asking[:10])
    await tx.execute("segments.delete", id=name)
    return before


def _expect(name: str, before: Record | None, expect: int | None) -> None:
    """Raises `StaleError` where it is not as the caller saw it."""
    if expect is None or (before is None and expect == 0):
        return
    if before is None:
        raise StaleError(f"segment {name}", "", 0, 0, None)
    if expect not in {EXISTING, before.revision}:
        raise StaleError(f"segment {name}", before.changed_by, before.changed_ms, before.revision, before)
