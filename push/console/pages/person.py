"""People: somebody is found by what she is known by, and shown with everything that is known of her.

What she is known by is posted: it is personal, and addresses are written down in many places. A person's address has a
facet's id, and opening it is written into the audit trail.
"""

from datetime import tzinfo
from typing import Final

from push.console import words
from push.console.context import Answer, ConsoleContext, Gone, Shown, TroubleError, Visit, not_found
from push.console.pages import edits
from push.console.pages.edits import Filled
from push.console.persons import happenings, linked, reckoned, who
from push.console.persons.happenings import Names
from push.console.persons.who import KINDS, Facet
from push.console.tables import link
from push.profiles.identity import facets
from push.profiles.identity.facets import NAMED
from push.profiles.rights import correcting
from push.registry.audit import audit

PATH: Final = "/console/people"
FIELDS: Final = {"kind": "Kind", "value": "What she is known by"}
LONGEST: Final = 256


def require(visit: Visit) -> None:
    """People go to every store: who is kept to some may not look at them. Raises `TroubleError`."""
    if visit.who.stores is not None:
        raise TroubleError(403, "That is not yours to see", "People are looked after by operators of every store.")


def sees(visit: Visit) -> bool:
    """Whether she may know personal values."""
    return visit.who.may("editor")


async def find(console: ConsoleContext, visit: Visit) -> Answer:
    """An empty form; how many people there are, it does not tell."""
    require(visit)
    filled = edits.restored(visit, FIELDS) if visit.is_restored else Filled({"kind": "email"})
    return await _form(console, visit, filled)


async def _form(console: ConsoleContext, visit: Visit, filled: Filled, status: int = 200) -> Answer:
    waiting = await linked.reviews(console.db, console.people, clear=sees(visit))
    values = {
        "filled": filled,
        "fields": FIELDS,
        "kinds": kinds_to_choose(console),
        "reviews": waiting,
        "title": f"{words.spelled(len(waiting), 'pair')} to look at",
        "zone": home(console),
    }
    return Shown("people.html", values, status)


def kinds_to_choose(console: ConsoleContext) -> list[tuple[str, str]]:
    """Kinds of identifiers with what they are called, the site's own last."""
    kinds = [(name, label[:1].upper() + label[1:]) for name, label in KINDS.items()]
    return [*kinds, *((name, name) for name in sorted(console.people.desk.settings.kinds) if name not in KINDS)]


async def found(console: ConsoleContext, visit: Visit) -> Answer:
    """To the person of an identifier."""
    require(visit)
    kind, value = visit.form.text("kind"), visit.form.text("value")[:LONGEST]
    desk = console.people.desk
    one, reason = desk.kinds.normalised(kind, value)
    if one is None:
        expected = {"junk": "This value is nobody's: too many share it."}.get(reason, f"This is no {_label(kind)}.")
        return await _form(console, visit, Filled({"kind": kind, "value": value}, wrong={"value": expected}), 422)
    facet = await facets.find(console.db, desk.vault, one)
    persons = await facets.persons(console.db, [facet] if facet else [])
    if not facet or facet not in persons:
        wrong = {"value": f"Nobody is known by this {_label(kind)}."}
        return await _form(console, visit, Filled({"kind": kind, "value": value}, wrong=wrong), 404)
    return Gone(f"{PATH}/{persons[facet]}")


def _label(kind: str) -> str:
    return "id" if kind == NAMED else KINDS.get(kind, "identifier")


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """Everything that is known of somebody."""
    hers = await held(console, visit)
    person = hers[0].id
    db, means, zone = console.db, console.people, home(console)
    after = visit.query.get("after", "")
    past = await _past(console, person, after) if sees(visit) else happenings.Page([], "")
    known = await reckoned.read(db, means, person, visit.now_ms) if sees(visit) else None
    links = await db.fetch("persons.links", shopper=person, most=1000)
    values = {
        "person": person,
        "title": titled(hers),
        "known_by": f"Known by {words.count(len(hers), 'identifier')}",
        "facets": hers,
        "sees": sees(visit),
        "here_now": await _here(console, person) if sees(visit) else "",
        "devices": await who.devices_of(db, person),
        "tags": await db.fetch("persons.tags", shopper=person, most=who.MOST),
        "traits": await who.traits_of(db, means, person, clear=sees(visit)),
        "corrected": frozenset(await correcting.corrections(db, means.desk, person)),
        "agreements": await who.agreements_of(db, console.people.desk.purposes, person),
        "ledger": await who.words_of(db, console.people.desk.purposes, person),
        "figures": None if known is None else reckoned.lines(known, zone),
        "past": past.items,
        "first": link(visit.path, visit.query, after="") if after else "",
        "next": link(visit.path, visit.query, after=past.after) if past.after else "",
        "segments": await db.fetch("persons.segments", shopper=person, most=who.MOST) if sees(visit) else [],
        "checks": await who.checks_of(db, console.people.desk.purposes, person) if sees(visit) else [],
        "links": len(links),
        "reviews": sum(row["why"] is not None for row in links),
        "zone": zone,
    }
    return Shown("person.html", values)


async def _past(console: ConsoleContext, person: str, after: str) -> happenings.Page:
    return await happenings.page(console.db, console.people.desk.keyring, person, after, names(console))


async def held(console: ConsoleContext, visit: Visit) -> list[Facet]:
    """The facets of whom an address names, the one that stands for her first; that she was looked at is noted.

    Raises `TroubleError`.
    """
    require(visit)
    hers = await who.facets_of(console.db, console.people, visit.at["person"], clear=sees(visit))
    if not hers:
        raise not_found("person", (PATH, "People"))
    await _note(console, visit, hers[0].id)
    return hers


async def _note(console: ConsoleContext, visit: Visit, person: str) -> None:
    """That somebody looked, and at whom."""
    async with console.db.transaction() as tx:
        await audit(tx, visit.actor, "look at person", "person", visit.now_ms, after={"shopper": person})


def home(console: ConsoleContext) -> tzinfo:
    """The zone that all stores share; UTC where they share none."""
    zones = {store.time_zone for store in console.directory().stores.values()}
    return console.zones.named(zones.pop() if len(zones) == 1 else "UTC")


def names(console: ConsoleContext) -> Names:
    """What places are called."""
    directory = console.directory()
    return Names(
        {store.id: store.name for store in directory.stores.values()},
        {key: zone.name for key, zone in directory.zones.items()},
    )


def titled(hers: list[Facet]) -> str:
    """What a page calls her: what says most of who she is."""
    return hers[0].value


async def _here(console: ConsoleContext, person: str) -> str:
    row = await console.db.fetch_one("persons.here", shopper=person)
    return "" if row is None else names(console).stores.get(row["store"], row["store"])
