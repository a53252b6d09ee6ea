"""Who is who: the links that make a person of facets, each with its reason, and undone by whoever knows better.

What a decision would do is tried, shown and taken back before anybody decides.
"""

from typing import Final, NamedTuple

from push.console import words
from push.console.context import Answer, ConsoleContext, Gone, Shown, Visit, not_found
from push.console.pages.deciding import brought_about
from push.console.pages.person import PATH, held, home, sees, titled
from push.console.persons import linked, who
from push.console.persons.linked import CHOICES, Linked
from push.console.persons.who import Facet
from push.model.errors import AbsentError
from push.model.ports import Transaction
from push.profiles.identity import merging, preview
from push.profiles.identity.facets import listed, persons
from push.profiles.identity.merging import Decision, Hand, Merged
from push.profiles.identity.preview import Party, Preview
from push.profiles.purposes.book import Purposes
from push.registry.audit import audit

LONGEST: Final = 200
_DEEDS: Final[dict[Decision, tuple[str, str, str]]] = {
    "cut": ("What cutting this link would do", "Cut it", "The link is cut, as if it had never been said."),
    "restore": ("What leaving it to the rules would do", "Let the rules decide", "The rules decide about it again."),
    "join": ("What joining them would do", "Join them", "They are one person now, in spite of the rules."),
}


class _Told(NamedTuple):
    """A person before or after, as the page says it."""

    name: str
    facets: str
    knows: str
    agrees: str


class Sides(NamedTuple):
    """People as they are, and as they would be."""

    before: list[_Told]
    after: list[_Told]


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """A person's graph."""
    hers = await held(console, visit)
    links = await linked.links_of(console.db, console.people, hers[0].id, clear=sees(visit))
    values = {
        "person": hers[0].id,
        "title": titled(hers),
        "count": len(hers),
        "sentence": _sentence(hers, links),
        "links": links,
        "drawing": linked.picture(hers, links),
        "sees": sees(visit),
        "zone": home(console),
        "most": linked.MOST,
    }
    return Shown("graph.html", values)


def _sentence(hers: list[Facet], links: list[Linked]) -> str:
    holding = sum(one.state == "joined" for one in links)
    if len(hers) == 1:
        return "is known by one identifier, and linked to no other"
    return f"is one person by {words.count(holding, 'link')}"


async def link(console: ConsoleContext, visit: Visit) -> Answer:
    """A link, and what deciding about it would do."""
    hers = await held(console, visit)
    one = await _link(console, visit, hers)
    return await _shown(console, visit, hers, one)


async def _link(console: ConsoleContext, visit: Visit, hers: list[Facet]) -> Linked:
    links = await linked.links_of(console.db, console.people, hers[0].id, clear=sees(visit))
    found = next((one for one in links if one.id == visit.at["link"]), None)
    if found is None:
        raise not_found("link", (f"{PATH}/{hers[0].id}/graph", "Who is who"))
    return found


def _chosen(asked: str, one: Linked) -> Decision:
    return next((choice for choice in CHOICES[one.state] if choice == asked), one.first)


async def _shown(console: ConsoleContext, visit: Visit, hers: list[Facet], one: Linked, wrong: str = "") -> Answer:
    what = _chosen(visit.form.text("do") or visit.query.get("do", ""), one)
    seen = await _foresee(console, visit, one, what)
    told = await parties(console, seen, clear=sees(visit))
    title, button, _ = _DEEDS[what]
    values = {
        "person": hers[0].id,
        "title": titled(hers),
        "one": one,
        "what": what,
        "sentence": title,
        "button": button,
        "others": [(choice, _DEEDS[choice][1]) for choice in CHOICES[one.state] if choice != what],
        "before": told.before,
        "after": told.after,
        "refused": seen.refused if what == "restore" else "",
        "why": visit.form.text("why")[:LONGEST],
        "wrong": wrong,
        "zone": home(console),
    }
    return Shown("link.html", values, 422 if wrong else 200)


async def parties(console: ConsoleContext, seen: Preview, *, clear: bool) -> Sides:
    """People before and after, in words."""
    facets = {facet for party in (*seen.before, *seen.after) for facet in party.facets}
    rows = await console.db.fetch("persons.facets_named", ids=listed(facets))
    named = await who.named(console.db, console.people, rows, clear=clear)
    by = console.people.desk.purposes
    return Sides([_told(by, party, named) for party in seen.before], [_told(by, party, named) for party in seen.after])


async def _foresee(console: ConsoleContext, visit: Visit, one: Linked, what: Decision) -> Preview:
    desk = console.people.desk
    hand = Hand(visit.actor, "", visit.now_ms)

    async def doing(tx: Transaction) -> Merged:
        return await merging.decide(tx, desk, one.id, what, hand)

    return await preview.foresee(console.db, desk.keyring, one.id, doing)


def _told(purposes: Purposes, party: Party, named: dict[str, Facet]) -> _Told:
    known = [words.count(party.traits, "trait"), words.count(party.events, "event"), words.count(party.orders, "order")]
    agrees = [who.explained(purposes, purpose)[0] for purpose in party.granted]
    return _Told(
        name=named[party.person].value if party.person in named else party.person,
        facets=", ".join(named[facet].value for facet in party.facets if facet in named),
        knows=" · ".join(known),
        agrees=words.listed(agrees),
    )


async def decide(console: ConsoleContext, visit: Visit) -> Answer:
    """Decide about a link, and bring into force what follows."""
    hers = await held(console, visit)
    one = await _link(console, visit, hers)
    why, what = visit.form.text("why")[:LONGEST], _chosen(visit.form.text("do"), one)
    if what != visit.form.text("do"):
        return await _shown(
            console, visit, hers, one, "Somebody decided about it meanwhile. This is how it stands now."
        )
    if not why:
        return await _shown(console, visit, hers, one, "A reason was expected, in a few words.")
    try:
        await _decide(console, visit, one, (what, why))
    except AbsentError:
        raise not_found("link", (PATH, "People")) from None
    person = (await persons(console.db, [hers[0].id])).get(hers[0].id, hers[0].id)
    return Gone(f"{PATH}/{person}/graph", _DEEDS[what][2])


async def _decide(console: ConsoleContext, visit: Visit, one: Linked, deed: tuple[Decision, str]) -> None:
    what, why = deed

    async def doing(tx: Transaction) -> Merged:
        merged = await merging.decide(tx, console.people.desk, one.id, what, Hand(visit.actor, why, visit.now_ms))
        await audit(tx, visit.actor, f"{what} link", f"link {one.id}", visit.now_ms, before={"state": one.state})
        return merged

    await brought_about(console, visit, doing)
