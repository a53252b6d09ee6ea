"""Campaigns tried before anybody gets them: sent to one's own phone, and asked what somebody would get now."""

from typing import Any, Final

from msgspec import ValidationError, convert

from push.campaigns import answering
from push.console import words
from push.console.campaigning import explained, phone, said
from push.console.campaigning.phone import As, Phone
from push.console.context import Answer, ConsoleContext, Shown, Visit
from push.console.pages import decisions
from push.console.pages.person import home, kinds_to_choose, require
from push.deliver.asked import MessageIn, To
from push.model.campaigns import Campaign
from push.model.decisions import Occasion
from push.model.delivery import Content
from push.model.ids import fresh
from push.profiles.identity import facets
from push.registry.audit import audit

LONGEST: Final = 256
LIFETIME_S: Final = 3600
REFUSED: Final = {
    "unknown_shopper": "Nobody is known by this.",
    "no_channel": "No app, browser or mailbox of hers is known.",
    "not_agreed": "She did not agree to offers on any channel: switch them on in the app first.",
    "snoozed": "She asked for quiet just now: end the snooze in the app first.",
    "suppressed": "Her address is on the list of those that are not written to.",
    "too_large": "It is too long for every channel that reaches her.",
    "unreadable": "Her key is gone, so nothing can be sealed for her.",
}
"""Why a try was not sent, for whoever tried."""


async def whom(console: ConsoleContext, kind: str, value: str) -> tuple[str | None, str]:
    """The person of an identifier, or what was expected."""
    desk = console.people.desk
    one, _ = desk.kinds.normalised(kind, value[:LONGEST])
    facet = None if one is None else await facets.find(console.db, desk.vault, one)
    return (facet, "") if facet is not None else (None, "Nobody is known by this.")


async def send(console: ConsoleContext, visit: Visit, campaign: Campaign) -> tuple[bool, str]:
    """Send a campaign to whom the form names, at once and without any cap; whether it went, and what to say of it."""
    person, wrong = await whom(console, visit.form.text("kind"), visit.form.text("value"))
    if person is None:
        return False, wrong
    seen = await phone.shown(console, campaign, [person], As(clear=True), visit.now_ms)
    if seen.problem or not seen.title:
        return False, seen.problem or "It says nothing yet."
    async with console.db.transaction() as tx:
        after = {"shopper": person, "campaign": campaign.id}
        await audit(tx, visit.actor, "try campaign", f"campaign {campaign.id}", visit.now_ms, after=after)
    try:
        message = MessageIn(
            to=To(shopper=person),
            content=convert(_content(seen), Content),
            basis=campaign.basis,
            urgency="high",
            lifetime_s=LIFETIME_S,
        )
    except ValidationError:
        return False, REFUSED["too_large"]
    verdict = await console.send(message, visit.actor)
    if verdict.status == "queued":
        return True, "It is on its way: look at the phone."
    return False, REFUSED.get(verdict.reason or "", "It could not be sent.")


def _content(seen: Phone) -> dict[str, Any]:
    given = {"title": seen.title, "body": seen.body, "url": seen.url or None, "image": seen.image or None}
    return {name: value for name, value in given.items() if value is not None}


# --- what would she get now? ------------------------------------------------------------------------------------------


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """The question."""
    require(visit)
    given = {name: visit.query.get(name, "") for name in ("moment", "store", "event", "person")}
    asked = {"kind": "shopper" if given["person"] else "email", "value": given["person"], **given}
    return await _shown(console, asked)


async def ask(console: ConsoleContext, visit: Visit) -> Answer:
    """What would be decided now, and nothing of it stays."""
    require(visit)
    asked = {name: visit.form.text(name) for name in ("kind", "value", "moment", "store", "place", "event")}
    person, wrong = await whom(console, asked["kind"], asked["value"])
    if person is None:
        return await _shown(console, asked, wrong={"value": wrong}, status=404)
    directory = console.directory()
    if asked["store"] not in {"", *directory.stores}:
        return await _shown(console, asked, wrong={"store": "One of these was expected."}, status=422)
    if tuple(asked["place"].split("/", 1)) not in {("",), *directory.zones}:
        return await _shown(console, asked, wrong={"place": "One of these was expected."}, status=422)
    if asked["moment"] not in said.KINDS:
        return await _shown(console, asked, wrong={"moment": "One of these was expected."}, status=422)
    async with console.db.transaction() as tx:
        await audit(tx, visit.actor, "rehearse decision", "person", visit.now_ms, after={"shopper": person})
    receipt = await answering.rehearse(console.db, console.deciding, _occasion(asked, person, visit), visit.now_ms)
    if receipt is None:
        return await _shown(console, asked, found={"none": True})
    called = await decisions.names_of(console, [one.campaign for one in receipt.decision.considered])
    told = decisions.told(receipt.decision, called)
    chosen = receipt.decision.campaign
    title = "She would get nothing" if chosen is None else f"She would get “{called.get(chosen, chosen)}”"
    found = {"none": False, **told, "title": title, "known": explained.known(receipt, home(console))}
    return await _shown(console, asked, found=found)


def _occasion(asked: dict[str, str], person: str, visit: Visit) -> Occasion:
    store, _, zone = asked["place"].partition("/")
    return convert(
        {
            "id": fresh("occ"),
            "kind": asked["moment"],
            "shopper": person,
            "store": asked["store"] or store,
            "zone": zone or None,
            "name": asked["event"],
            "at_ms": visit.now_ms,
            "heard_ms": visit.now_ms,
            "received_ms": visit.now_ms,
        },
        Occasion,
    )


async def _shown(
    console: ConsoleContext,
    asked: dict[str, str],
    *,
    found: dict[str, Any] | None = None,
    wrong: dict[str, str] | None = None,
    status: int = 200,
) -> Answer:
    directory = console.directory()
    stores = sorted(directory.stores.values(), key=lambda one: one.name.casefold())
    called = {one.id: one.name for one in stores}
    zones = sorted(directory.zones.items(), key=lambda item: (called.get(item[0][0], ""), item[1].name))
    values = {
        "asked": asked,
        "found": found,
        "wrong": wrong or {},
        "kinds": kinds_to_choose(console),
        "moments": list(said.KINDS.items()),
        "stores": [("", "Wherever the department is"), *called.items()],
        "places": [
            ("", "No department"),
            *((f"{of}/{id_}", f"{zone.name}, {called.get(of, of)}") for (of, id_), zone in zones),
        ],
        "counted_text": "" if not found or found["none"] else words.count(found["many"], "campaign"),
    }
    return Shown("decision_try.html", values, status)
