"""Something is wrong about somebody (GDPR, Article 16): a trait is put right, or an identifier replaced.

A correction holds above what systems say later. It is on her timeline with its reason, and in the audit trail without
what it says.
"""

from collections.abc import Mapping
from typing import Final

from push.console.context import Answer, ConsoleContext, Gone, Shown, TroubleError, Visit
from push.console.pages import edits
from push.console.pages.deciding import brought_about
from push.console.pages.edits import Filled
from push.console.pages.person import PATH, held, home, titled
from push.console.persons import who
from push.console.persons.who import Facet
from push.model.ports import Transaction
from push.model.profiles import Identifier, Json
from push.profiles.identity import facets, mending
from push.profiles.identity.facets import persons
from push.profiles.identity.mending import FIXED, MendError
from push.profiles.identity.merging import Hand, Merged
from push.profiles.rights import correcting
from push.profiles.rights.correcting import ACTIONS, WHY_CHARS, Correction, CorrectionError
from push.registry.audit import audit

FIELDS: Final = {"trait": "Trait", "value": "What is right", "why": "Why"}
NAMES: Final = {"facet": "Which one is wrong", "right": "The right one", "because": "Why"}
LONGEST: Final = 8_000
_YES_NO: Final[Mapping[str, bool]] = {"yes": True, "true": True, "no": False, "false": False}
_WHY: Final = "A reason was expected, in a few words."


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """What can be put right."""
    hers = await held(console, visit)
    return await _shown(console, hers, Filled(edits.typed(visit.form, {**FIELDS, **NAMES})))


async def _shown(console: ConsoleContext, hers: list[Facet], filled: Filled, status: int = 200) -> Answer:
    person, means = hers[0].id, console.people
    corrected = await correcting.corrections(console.db, means.desk, person)
    values = {
        "person": person,
        "title": titled(hers),
        "traits": await who.traits_of(console.db, means, person, clear=True),
        "corrected": [
            (name, who.told(one.value), _by(one.source), one.at_ms) for name, one in sorted(corrected.items())
        ],
        "wrongs": [(one.id, f"{one.value} ({one.label})") for one in hers if one.kind not in FIXED],
        "filled": filled,
        "fields": {**FIELDS, **NAMES},
        "most": WHY_CHARS,
        "zone": home(console),
    }
    return Shown("rectify.html", values, status)


def _by(source: str) -> str:
    """Who made a correction, of its source ``correction:operator:ann``."""
    by = source.partition(":")[2]
    return by.partition(":")[2] or by


async def send(console: ConsoleContext, visit: Visit) -> Answer:
    """Put a trait right, let others' word hold again, or replace an identifier."""
    hers = await held(console, visit)
    match visit.form.text("do"):
        case "replace":
            return await _replace(console, visit, hers)
        case "back":
            return await _correct(console, visit, hers, Correction(trait=visit.form.text("back"), take_back=True))
        case _:
            value = await _typed(console, hers[0].id, visit.form.text("trait"), visit.form.text("value")[:LONGEST])
            why = visit.form.text("why")[:WHY_CHARS]
            return await _correct(
                console, visit, hers, Correction(trait=visit.form.text("trait"), value=value, why=why)
            )


def _refused(visit: Visit, wrong: Mapping[str, str]) -> Filled:
    return Filled(edits.typed(visit.form, {**FIELDS, **NAMES}), wrong=wrong, is_typed=True)


async def _typed(console: ConsoleContext, person: str, trait: str, text: str) -> Json:
    """What was typed, as what stands there is: a number stays one. Nothing takes the trait away."""
    if not text:
        return None
    now = (await correcting.own(console.db, console.people.desk, person)).traits.get(trait)
    match now:
        case bool():
            return _YES_NO.get(text.casefold(), text)
        case int() | float():
            return _number(text)
        case _:
            return text


def _number(text: str) -> Json:
    try:
        found = float(text.replace(",", "."))
    except ValueError:
        return text
    return int(found) if found.is_integer() else found


async def _correct(console: ConsoleContext, visit: Visit, hers: list[Facet], asked: Correction) -> Answer:
    if not asked.why and not asked.take_back:
        return await _shown(console, hers, _refused(visit, {"why": _WHY}), 422)
    desk, now_ms = console.people.desk, visit.now_ms
    try:
        async with console.db.transaction(patient=True) as tx:
            person = await correcting.correct(tx, desk, hers[0].id, asked, visit.actor, now_ms)
            after = {"shopper": person}
            await audit(tx, visit.actor, ACTIONS[asked.take_back], "person", now_ms, after=after)
    except CorrectionError as error:
        wrong = {"trait" if not asked.trait else "value": f"Expected: {error}."}
        return await _shown(console, hers, _refused(visit, wrong), 422)
    said = "What others say holds again." if asked.take_back else "It is right now, whatever systems say later."
    return Gone(f"{PATH}/{hers[0].id}/rectify", said)


async def _replace(console: ConsoleContext, visit: Visit, hers: list[Facet]) -> Answer:
    """The right identifier takes the place of a wrong one."""
    old = next((one for one in hers if one.id == visit.form.text("facet") and one.kind not in FIXED), None)
    if old is None:
        raise TroubleError(404, "There is no such identifier", "It may have been parted from her meanwhile.")
    right, _ = console.people.desk.kinds.normalised(old.kind, visit.form.text("right")[:256])
    because = visit.form.text("because")[:WHY_CHARS]
    wrong = {} if right is not None else {"right": f"This is no {old.label}."}
    wrong |= {} if because else {"because": _WHY}
    if right is None or wrong:
        return await _shown(console, hers, _refused(visit, wrong), 422)
    try:
        await _put_in_place(console, visit, old, right, because)
    except MendError as error:
        return await _shown(console, hers, _refused(visit, {"right": f"Expected: {error}."}), 422)
    found = await facets.find(console.db, console.people.desk.vault, right)
    stands = (await persons(console.db, [found or hers[0].id])).get(found or hers[0].id, hers[0].id)
    return Gone(
        f"{PATH}/{stands}/graph", "The right one stands in its place. What was kept under the wrong one stays with it."
    )


async def _put_in_place(console: ConsoleContext, visit: Visit, old: Facet, right: Identifier, why: str) -> None:
    """Raises `MendError`."""
    hand = Hand(visit.actor, why, visit.now_ms)

    async def doing(tx: Transaction) -> Merged:
        merged = await mending.replace(tx, console.people.desk, old.id, right, hand)
        await audit(tx, visit.actor, "replace identifier", f"facet {old.id}", visit.now_ms, after={"kind": old.kind})
        return merged

    await brought_about(console, visit, doing)
