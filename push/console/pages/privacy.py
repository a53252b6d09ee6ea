"""What people may ask for: requests with deadlines, and what answers them: an export, an objection, an erasure."""

from collections.abc import Mapping
from typing import Final

from push.console import times, words
from push.console.context import Answer, ConsoleContext, Gone, Shown, Visit, not_found
from push.console.pages import acceptance
from push.console.pages.person import PATH as PEOPLE
from push.console.pages.person import held, home, require, titled
from push.console.tables import link
from push.model.people import Purpose
from push.profiles import consent, ledger
from push.profiles.collect.apply import Applied, follow
from push.profiles.identity.facets import persons
from push.profiles.rights import requests
from push.profiles.rights.requests import Action, ClosedError, Kind, Request
from push.registry.audit import audit

PATH: Final = "/console/privacy"
PER_PAGE: Final = 50
SOON_MS: Final = 7 * 86_400_000
TYPED: Final = "erase"
"""What is typed to erase somebody."""
KINDS: Final[Mapping[Kind, tuple[str, str]]] = {
    "access": ("wants to know what is kept", "Export it, and hand it over (GDPR, Article 15)."),
    "erase": ("wants to be forgotten", "Erase her (Article 17)."),
    "rectify": ("says that something is wrong", "Put it right on her page (Article 16)."),
    "object": ("objects to being profiled or sent offers", "Enter her objection (Article 21)."),
}
ACTIONS: Final[Mapping[Action, str]] = {
    "done": "The request is answered.",
    "refused": "The request is refused. She has to be told why.",
    "extended": "Two more months. She has to be told why, within the first one.",
}
OBJECTED: Final[tuple[Purpose, ...]] = ("marketing", "profiling")


async def list_(console: ConsoleContext, visit: Visit) -> Answer:
    """Requests, those that are due first at the front."""
    require(visit)
    is_over = visit.query.get("show") == "all"
    after = visit.query.get("after", "")
    begin = after if _is_position(after) else ""
    found = await requests.page(console.db, after=begin, most=PER_PAGE + 1, is_open=not is_over)
    shown = found[:PER_PAGE]
    late = sum(one.state == "open" and one.due_ms < visit.now_ms for one in shown)
    values = {
        "rows": [_row(one, visit.now_ms) for one in shown],
        "texts": await acceptance.rows(console, visit),
        "is_over": is_over,
        "sentence": _sentence(shown, late, is_over=is_over),
        "zone": home(console),
        "first": link(PATH, visit.query, after="") if begin else "",
        "next": link(PATH, visit.query, after=requests.position(shown[-1])) if len(found) > PER_PAGE else "",
    }
    return Shown("privacy.html", values)


def _is_position(text: str) -> bool:
    due, _, name = text.partition(" ")
    return due.isascii() and due.isdigit() and len(due) < len(str(2**53)) and bool(name)


def _sentence(shown: list[Request], late: int, *, is_over: bool) -> str:
    if is_over:
        return words.spelled(len(shown), "request was kept", "requests were kept") if shown else "Nobody asked yet"
    if late:
        return words.spelled(late, "answer is late", "answers are late")
    return words.spelled(len(shown), "request waits", "requests wait") if shown else "Nobody waits for an answer"


def _row(one: Request, now_ms: int) -> dict[str, object]:
    left_ms = one.due_ms - now_ms
    tone, word = "history", str(one.state)
    if one.state == "open":
        tone = "now" if left_ms < 0 else "soon" if left_ms < SOON_MS else "history"
        word = f"late by {times.lasting(-left_ms)}" if left_ms < 0 else f"{times.lasting(left_ms)} left"
    text, how = KINDS[one.kind]
    return {"one": one, "text": text, "how": how, "tone": tone, "word": word}


async def act(console: ConsoleContext, visit: Visit) -> Answer:
    """Write down what was done about a request."""
    require(visit)
    action = next((each for each in ACTIONS if each == visit.form.text("do")), None)
    if action is None:
        raise not_found("step", (PATH, "Privacy"))
    try:
        async with console.db.transaction() as tx:
            one = await requests.act(tx, visit.form.text("request"), action, visit.actor, visit.now_ms)
            if one is None:
                raise not_found("request", (PATH, "Privacy"))
            await audit(tx, visit.actor, f"{action} request", f"request {one.id}", visit.now_ms)
    except ClosedError:
        return Gone(PATH, "Somebody did that before.")
    return Gone(PATH, ACTIONS[action])


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """What can be done for one person."""
    return await _shown(console, visit)


async def _shown(console: ConsoleContext, visit: Visit, wrong: str = "") -> Answer:
    hers = await held(console, visit)
    standing = await consent.granted(console.db, hers[0].id)
    values = {
        "person": hers[0].id,
        "title": titled(hers),
        "count": len(hers),
        "kinds": [(kind, text[:1].upper() + text[1:]) for kind, (text, _) in KINDS.items()],
        "objects": standing.isdisjoint(OBJECTED),
        "typed": TYPED,
        "wrong": wrong,
        "zone": home(console),
    }
    return Shown("person_privacy.html", values, 422 if wrong else 200)


async def send(console: ConsoleContext, visit: Visit) -> Answer:
    """Write down a request, enter an objection, or erase her."""
    hers = await held(console, visit)
    match visit.form.text("do"):
        case "ask":
            return await _ask(console, visit, hers[0].id)
        case "object":
            await _object(console, visit, hers[0].id)
            return Gone(visit.path, "She is neither profiled nor sent offers any more.")
        case "erase":
            return await _erase(console, visit, hers[0].id)
        case _:
            return Gone(visit.path)


async def _ask(console: ConsoleContext, visit: Visit, person: str) -> Answer:
    kind = next((each for each in KINDS if each == visit.form.text("kind")), None)
    if kind is None:
        return await _shown(console, visit)
    async with console.db.transaction() as tx:
        one = await requests.ask(tx, kind, person, visit.actor, visit.now_ms)
        if one is None:
            raise not_found("person", (PEOPLE, "People"))
        await audit(tx, visit.actor, "open request", f"request {one.id}", visit.now_ms, after={"kind": kind})
    return Gone(PATH, f"Written down. It is due by {times.day(one.due_ms, home(console))}.")


async def _object(console: ConsoleContext, visit: Visit, person: str) -> None:
    """Her word, which somebody else writes down: it holds as if she had said it herself."""
    following, now_ms = console.people.following, visit.now_ms
    how = ledger.Circumstances(source="operator", said_by=visit.actor, asked_on="console")
    async with console.db.transaction(patient=True) as tx:
        settled = await consent.say(tx, person, dict.fromkeys(OBJECTED, False), dict.fromkeys(OBJECTED, how), now_ms)
        changed: dict[str, Mapping[Purpose, bool]] = {
            facet: one.changed for facet, one in settled.items() if one.changed
        }
        whose = frozenset((await persons(tx, settled)).values())
        done = Applied(consents=changed, shoppers=frozenset(settled), persons=whose)
        await following.within(tx, done, now_ms)
        await follow(tx, console.people.desk, whose, now_ms)
        await audit(tx, visit.actor, "object for person", "person", now_ms, after={"shopper": person})
    await following.after(done)


async def _erase(console: ConsoleContext, visit: Visit, person: str) -> Answer:
    if visit.form.text("typed").casefold() != TYPED:
        return await _shown(console, visit, f"The word “{TYPED}” was expected. Nothing is erased.")
    if not await console.people.erase(person, visit.actor):
        raise not_found("person", (PEOPLE, "People"))
    return Gone(PEOPLE, "She is erased: everything of hers, under every identifier. Backups forget her within a month.")
