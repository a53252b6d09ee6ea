"""Segments: groups of people by a rule, built from nested rows, counted while they are built, and explained for one.

The rule travels as JSON in one field. A module makes rows of it; without script it is typed, and a button counts.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from push.campaigns import mentions
from push.campaigns.mentions import NamedError
from push.console import words
from push.console.context import Answer, ConsoleContext, Gone, Shown, Visit, not_found
from push.console.pages import edits
from push.console.pages.edits import Filled
from push.console.pages.person import home, require, sees
from push.console.persons.who import KINDS, explained, told
from push.model.errors import Fault, MisfitError, RegistryError, StaleError, TakenError
from push.model.ports import Transaction
from push.model.rules.explain import Explained
from push.model.rules.tree import Rule
from push.profiles import view
from push.profiles.identity import facets
from push.profiles.segments import asking, records
from push.profiles.segments.asking import Preview, Reasons
from push.profiles.segments.records import EXISTING, OPERATORS, By, Record, SegmentBody
from push.registry.audit import audit

PATH: Final = "/console/segments"
FIELDS: Final = {"name": "Name", "description": "What it is for", "rule": "Who is in it"}
MOST: Final = 500
LONGEST: Final = 100_000
EMPTY: Final = '{"kind":"all","of":[]}'
STARTS: Final[Mapping[str, Mapping[str, str]]] = {
    "hour": {
        "name": "People of this hour",
        "description": "Who is in a store, or was within the last hour",
        "rule": '{"kind":"all","of":[{"kind":"place","within_hours":1}]}',
    },
}
"""Rules to begin with, by the name that an address has for each."""


async def list_(console: ConsoleContext, visit: Visit) -> Answer:
    """Every segment with how many are in it."""
    require(visit)
    found = await records.page(console.db, "", MOST)
    values = {
        "rows": [(one, words.people(one.members, exact=sees(visit))) for one in found],
        "sentence": words.spelled(len(found), "segment") if found else "No segment yet",
        "zone": home(console),
    }
    return Shown("segments.html", values)


async def new(console: ConsoleContext, visit: Visit) -> Answer:
    """An empty rule: everybody who agrees to profiling; or one to begin with."""
    require(visit)
    begin = STARTS.get(visit.query.get("start", ""), {"rule": EMPTY})
    filled = edits.restored(visit, FIELDS) if visit.is_restored else Filled(begin)
    return _shown(console, visit, filled)


async def create(console: ConsoleContext, visit: Visit) -> Answer:
    """Count a rule, or save it as a new segment."""
    require(visit)
    if visit.form.text("do") == "count":
        return await _count(console, visit, None)
    return await _save(console, visit, None, edits.id_from(visit.form.text("name")))


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """A segment."""
    one = await _held(console, visit)
    filled = edits.restored(visit, FIELDS) if visit.is_restored else Filled(_fill(one), revision=one.revision)
    return _shown(console, visit, filled, one)


async def change(console: ConsoleContext, visit: Visit) -> Answer:
    """Count a rule, save it, explain it for somebody, or delete the segment."""
    one = await _held(console, visit)
    match visit.form.text("do"):
        case "count":
            return await _count(console, visit, one)
        case "explain":
            return await _explain(console, visit, one)
        case "delete":
            return await _delete(console, visit, one)
        case _:
            return await _save(console, visit, one, one.id)


async def _held(console: ConsoleContext, visit: Visit) -> Record:
    require(visit)
    found = await records.get(console.db, visit.at["segment"])
    if found is None:
        raise not_found("segment", (PATH, "Segments"))
    return found


def _fill(one: Record) -> dict[str, str]:
    rule = msgspec.json.format(msgspec.json.encode(one.rule), indent=2).decode()
    return {"name": one.name, "description": one.description, "rule": rule}


def _shown(console: ConsoleContext, visit: Visit, filled: Filled, one: Record | None = None, **more: Any) -> Answer:  # noqa: ANN401 - values of the template
    values = {
        "one": one,
        "filled": filled,
        "fields": FIELDS,
        "members": "" if one is None else words.people(one.members, exact=sees(visit)),
        "counted": None,
        "named": None,
        "explained": None,
        "because": (),
        "asked": {"kind": "email", "value": "", "wrong": ""},
        "kinds": [(name, label[:1].upper() + label[1:]) for name, label in KINDS.items()],
        "builder": builder(console),
        "zone": home(console),
        "status": 200,
        **more,
    }
    return Shown("segment.html", values, int(str(values["status"])))


def builder(console: ConsoleContext, segments: Iterable[tuple[str, str]] = ()) -> str:
    """What rows are made of: facts with their operators, purposes, stores, segments by id and name."""
    anything = sorted(frozenset().union(*OPERATORS.values()) | {"every_year_in_days"})
    purposes = console.people.desk.purposes
    builder = {
        "facts": [
            {
                "name": name,
                "type": known.type,
                "meaning": known.meaning,
                "ops": sorted(OPERATORS.get(known.type, anything)),
            }
            for name, known in view.FACTS.items()
            if known.type not in {"stays", "events"} and not name.startswith(("consent.", "segment."))
        ],
        "purposes": [[each, explained(purposes, each)[0]] for each in purposes.known],
        "stores": [[store.id, store.name] for store in console.directory().stores.values()],
        "segments": list(segments),
    }
    return msgspec.json.encode(builder).decode().replace("<", "\\u003c")


def _rule(console: ConsoleContext, text: str) -> tuple[dict[str, Any], Rule]:
    """A rule as it was typed, and as it is meant. Raises `MisfitError`."""
    raw = edits.convert(_Typed, "segment", {"rule": _json(text)}, {"rule": "A rule as JSON was expected."}).rule
    return raw, records.checked("", raw, console.people.desk.purposes)


class _Typed(msgspec.Struct):
    rule: dict[str, Any]


def _json(text: str) -> object:
    try:
        return msgspec.json.decode(text[:LONGEST])
    except msgspec.DecodeError:
        return None


def _wrong(error: MisfitError, visit: Visit) -> Filled:
    wrong = {fault.field.partition(".")[0].partition("[")[0]: fault.expected for fault in error.faults}
    named = {name if name in FIELDS else "rule": text for name, text in wrong.items()}
    return Filled(edits.typed(visit.form, FIELDS), wrong=named, revision=edits.revision_of(visit.form), is_typed=True)


async def _count(console: ConsoleContext, visit: Visit, one: Record | None) -> Answer:
    filled = Filled(edits.typed(visit.form, FIELDS), revision=edits.revision_of(visit.form), is_typed=True)
    try:
        _, rule = _rule(console, visit.form.text("rule"))
    except MisfitError as error:
        return _shown(console, visit, _wrong(error, visit), one, status=422)
    found = await asking.preview(console.db, console.people.segments, rule, visit.now_ms)
    return _shown(console, visit, filled, one, counted=_counted(found, exact=sees(visit)))


def _counted(found: Preview, *, exact: bool) -> dict[str, object]:
    """How many it would take in, in words."""
    many = words.people(found.estimate, exact=exact)
    if found.is_exact:
        how = f"of {words.count(found.people, 'person', 'people')}, all of them asked"
    else:
        how = (
            f"between {words.number(found.low)} and {words.number(found.high)}, from {words.number(found.asked)} asked"
        )
    return {"many": many, "how": how, "is_exact": found.is_exact, "sample": found.sample if exact else ()}


async def _save(console: ConsoleContext, visit: Visit, one: Record | None, name: str) -> Answer:
    by = By(visit.actor, visit.now_ms, 0 if one is None else edits.revision_of(visit.form))
    try:
        body = _body(console, visit, name)
        async with console.db.transaction() as tx:
            await _put(tx, console, name, body, by)
    except MisfitError as error:
        return _shown(console, visit, _wrong(error, visit), one, status=422)
    except StaleError as error:
        return await _late(console, visit, one, error)
    return Gone(f"{PATH}/{name}", f"{body.name} is saved. Everybody is asked now.")


def _body(console: ConsoleContext, visit: Visit, name: str) -> SegmentBody:
    """A segment as it was typed. Raises `MisfitError`."""
    raw, _ = _rule(console, visit.form.text("rule"))
    expected = {"name": "A name of 1 to 100 characters was expected."}
    body = edits.convert(SegmentBody, "segment", {**edits.typed(visit.form, FIELDS), "rule": raw}, expected)
    if not name:
        raise MisfitError("segment", (Fault("name", "A name with a letter or digit was expected."),))
    return body


async def _late(console: ConsoleContext, visit: Visit, one: Record | None, error: StaleError) -> Answer:
    """Somebody was faster: what was typed stays, and may be saved again."""
    who = error.changed_by.partition(":")[2] or "Somebody"
    text = "There is one of this name." if one is None else f"{who} changed it meanwhile. Save again, and yours stands."
    typed = edits.typed(visit.form, FIELDS)
    filled = Filled(typed, wrong={"name": text}, revision=error.revision, is_typed=True)
    return _shown(console, visit, filled, one, status=409)


async def _put(tx: Transaction, console: ConsoleContext, name: str, body: SegmentBody, by: By) -> None:
    desk = console.people.desk
    limits = records.Limits(desk.settings.segments, desk.purposes)
    written = await records.put(tx, name, body, by, limits)
    if written.is_changed:
        before = None if written.before is None else records.for_trail(written.before)
        after = records.for_trail(body)
        await audit(tx, by.actor, "put segment", f"segment {name}", by.at_ms, before=before, after=after)


async def _delete(console: ConsoleContext, visit: Visit, one: Record) -> Answer:
    thing = mentions.segment(one.id)
    try:
        async with console.db.transaction() as tx:
            if not visit.form.has(edits.ALTHOUGH):
                await mentions.refuse(tx, thing, visit.who.sees)
            named = await mentions.live(tx, thing)
            gone = await records.delete(tx, one.id, By(visit.actor, visit.now_ms, EXISTING))
            told = records.for_trail(gone)
            await audit(tx, visit.actor, "delete segment", f"segment {one.id}", visit.now_ms, before=told)
            await mentions.pause(tx, named, visit.actor, visit.now_ms)
    except NamedError as error:
        filled = Filled(_fill(one), revision=one.revision)
        return _shown(console, visit, filled, one, status=409, named=edits.Although(edits.sentence(error), "delete"))
    except TakenError as error:
        filled = Filled(_fill(one), wrong={"do": f"{error}."}, revision=one.revision)
        return _shown(console, visit, filled, one, status=409)
    except RegistryError:
        raise not_found("segment", (PATH, "Segments")) from None
    if named:
        await console.reload()
    return Gone(PATH, f"{one.name} is deleted.")


async def _explain(console: ConsoleContext, visit: Visit, one: Record) -> Answer:
    """Why somebody is in it, or is not."""
    kind, value = visit.form.text("kind"), visit.form.text("value")[:256]
    found = await _reasons(console, visit, one, kind, value)
    wrong = "" if found is not None else "Nobody is known by this."
    filled = Filled(_fill(one), revision=one.revision)
    asked = {"kind": kind, "value": value, "wrong": wrong}
    because = () if found is None or found.rule is None else (_because(found.rule),)
    more = {"explained": found, "because": because, "asked": asked, "status": 404 if wrong else 200}
    return _shown(console, visit, filled, one, **more)


def _because(part: Explained) -> dict[str, object]:
    """A part of a rule, and what it saw, as people read it."""
    seen = "" if part.of else "; nothing is known" if part.seen is None else f"; seen: {told(part.seen)}"
    return {"text": part.text, "holds": part.holds, "seen": seen, "of": [_because(each) for each in part.of]}


async def _reasons(console: ConsoleContext, visit: Visit, one: Record, kind: str, value: str) -> Reasons | None:
    desk = console.people.desk
    identifier, _ = desk.kinds.normalised(kind, value)
    facet = None if identifier is None else await facets.find(console.db, desk.vault, identifier)
    if facet is None:
        return None
    async with console.db.transaction() as tx:
        await audit(
            tx, visit.actor, "explain segment", "person", visit.now_ms, after={"shopper": facet, "segment": one.id}
        )
    return await asking.reasons(console.db, console.people.segments, one.id, facet, visit.now_ms)
