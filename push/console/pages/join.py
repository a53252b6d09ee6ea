"""Two people are linked by hand: whom, what that would do, and with a reason. What is tried is taken back."""

from typing import Final

from push.console.context import Answer, ConsoleContext, Gone, Shown, Visit
from push.console.pages import edits
from push.console.pages.deciding import brought_about
from push.console.pages.edits import Filled
from push.console.pages.graph import LONGEST, parties
from push.console.pages.person import PATH, held, home, kinds_to_choose, titled
from push.console.persons.who import Facet
from push.model.errors import AbsentError
from push.model.ids import fresh
from push.model.ports import Transaction
from push.profiles.identity import facets, merging, preview
from push.profiles.identity.facets import persons
from push.profiles.identity.links import REASONS, Said, link_id
from push.profiles.identity.merging import Hand, Merged
from push.profiles.identity.preview import Preview
from push.registry.audit import audit

FIELDS: Final = {"kind": "Kind", "value": "What the other one is known by", "why": "Why"}


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """Whom to link her with."""
    hers = await held(console, visit)
    filled = edits.restored(visit, FIELDS) if visit.is_restored else Filled({"kind": "email"})
    return _shown(console, hers, filled)


def _shown(console: ConsoleContext, hers: list[Facet], filled: Filled, status: int = 200, **more: object) -> Answer:
    values = {
        "person": hers[0].id,
        "title": titled(hers),
        "filled": filled,
        "fields": FIELDS,
        "kinds": kinds_to_choose(console),
        "before": (),
        "after": (),
        "refused": "",
        "looked": False,
        "zone": home(console),
        **more,
    }
    return Shown("join.html", values, status)


async def send(console: ConsoleContext, visit: Visit) -> Answer:
    """Look at what linking would do; or do it."""
    hers = await held(console, visit)
    typed = edits.typed(visit.form, FIELDS)
    other, wrong = await _other(console, visit, hers)
    if other is None:
        return _shown(console, hers, Filled(typed, wrong={"value": wrong}), 422)
    said = _said(visit, hers[0].id, other)
    seen = await _foresee(console, said)
    told = await parties(console, seen, clear=True)
    why = visit.form.text("why")[:LONGEST]
    if visit.form.text("do") != "link" or not why or seen.refused:
        missing = {"why": "A reason was expected, in a few words."} if visit.form.text("do") == "link" else {}
        return _shown(
            console, hers, Filled(typed, wrong=missing), 422 if missing else 200,
            before=told.before, after=told.after, refused=seen.refused, looked=True,
        )  # fmt: skip
    await _link(console, visit, said, why)
    person = (await persons(console.db, [hers[0].id])).get(hers[0].id, hers[0].id)
    return Gone(f"{PATH}/{person}/graph", "They are one person now.")


async def _other(console: ConsoleContext, visit: Visit, hers: list[Facet]) -> tuple[str | None, str]:
    """The facet that was named, or why there is none."""
    desk = console.people.desk
    one, _ = desk.kinds.normalised(visit.form.text("kind"), visit.form.text("value")[:256])
    found = None if one is None else await facets.find(console.db, desk.vault, one)
    if found is None:
        return None, "Nobody is known by this."
    return (None, "She is known by this already.") if found in {each.id for each in hers} else (found, "")


def _said(visit: Visit, hers: str, other: str) -> Said:
    return Said(
        a=hers, b=other, source=visit.actor, authority="server", reason=REASONS["hand"], said=fresh("st"),
        at_ms=visit.now_ms, received_ms=visit.now_ms, vouched=False,
    )  # fmt: skip


async def _foresee(console: ConsoleContext, said: Said) -> Preview:
    desk = console.people.desk

    async def doing(tx: Transaction) -> Merged:
        return await _joined(tx, console, said)

    try:
        return await preview.foresee(console.db, desk.keyring, said.id, doing)
    except AbsentError:
        return Preview(refused="Nobody's word links these two kinds of identifiers.")


async def _joined(tx: Transaction, console: ConsoleContext, said: Said) -> Merged:
    """Said anew; a link of the two that somebody cut before holds again, if the rules let it."""
    desk, hand = console.people.desk, Hand(said.source, "", said.at_ms)
    merged = await merging.link(tx, desk, [said], said.at_ms)
    stored = await merging.stored_link(tx, said.id)
    return merged if stored.decided != "cut" else await merging.restore(tx, desk, said.id, hand)


async def _link(console: ConsoleContext, visit: Visit, said: Said, why: str) -> None:
    async def doing(tx: Transaction) -> Merged:
        merged = await _joined(tx, console, said)
        name = link_id(said.a, said.b)
        after = {"state": "joined", "why": why}
        await audit(tx, visit.actor, "link shoppers", f"link {name}", visit.now_ms, after=after)
        return merged

    await brought_about(console, visit, doing)
