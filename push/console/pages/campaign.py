"""One campaign: what it does, how it does, what the next step is, and who took the last."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

from push.access import operators
from push.campaigns import lifecycle, pools, records, results, stops
from push.campaigns.known import named_pools
from push.campaigns.lifecycle import By
from push.campaigns.records import Record
from push.console import times, words
from push.console.campaigning import doing, phone, said
from push.console.campaigning.differences import differences
from push.console.campaigning.doing import Doing
from push.console.campaigning.proven import Proven, proven
from push.console.campaigning.said import Fate
from push.console.campaigning.whom import whom
from push.console.context import Answer, ConsoleContext, Gone, Shown, TroubleError, Visit, not_found
from push.console.pages import edits, trying
from push.console.pages.campaign_edit import checked, held
from push.console.pages.campaigns import PATH, newer, segment_names, who
from push.console.pages.person import home, kinds_to_choose, names, require, sees
from push.model.campaigns import Campaign
from push.model.errors import AbsentError, RegistryError, StaleError
from push.model.ports import Transaction
from push.model.rules.parse import RuleError

VERSIONS: Final = 10
LONGEST: Final = 300
_WIDTH: Final = 1000
_WORDS: Final[Mapping[str, str]] = {
    "ask": "A colleague can review it now.",
    "approve": "Found good. It can be launched.",
    "back": "Sent back to be mended.",
    "launch": "It is live.",
    "pause": "It says nothing for now.",
    "resume": "It is live again.",
    "end": "It has ended.",
}
"""What is told once something was done."""

Step = Callable[[Transaction, str, By], Awaitable[None]]
_STEPS: Final[Mapping[str, Step]] = {
    "ask": lifecycle.ask_review,
    "approve": lifecycle.approve,
    "launch": lifecycle.launch,
    "pause": lifecycle.pause,
    "resume": lifecycle.resume,
    "end": lifecycle.end,
}


class Next(NamedTuple):
    """The next step: what stands, why, and what can be done, each with its word and how it looks."""

    title: str
    text: str
    acts: tuple[tuple[str, str, str], ...] = ()


class Done(NamedTuple):
    """What came of a step or a try: why it was refused, whether it went and what to say of it."""

    refused: str = ""
    tried: tuple[bool, str] | None = None
    status: int = 200


class Share(NamedTuple):
    """How many decisions it had one end at, drawn as a part of a bar."""

    fate: Fate
    n: int
    x: int
    width: int


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """The page."""
    return await _shown(console, visit, await held(console, visit))


async def act(console: ConsoleContext, visit: Visit) -> Answer:
    """Take a step of its life, or try it."""
    one, do = await held(console, visit), visit.form.text("do")
    if not lifecycle.may_write(visit.who.stores, one.campaign.trigger.stores):
        raise TroubleError(
            403, "That is not yours to do", "It speaks in other stores than yours.", (visit.path, one.name)
        )
    if do == "try":
        require(visit)
        went, text = await trying.send(console, visit, one.campaign)
        return await _shown(console, visit, one, Done(tried=(went, text), status=200 if went else 422))
    if do not in {*_STEPS, "back"}:
        return await _shown(console, visit, one)
    if do in {"launch", "ask"}:
        faults, _ = await checked(console, one.campaign)
        if faults:
            text = f"{words.spelled(len(faults), 'thing')} must be mended first."
            return await _shown(console, visit, one, Done(text, status=422))
    return await _step(console, visit, one, do)


async def _step(console: ConsoleContext, visit: Visit, one: Record, do: str) -> Answer:
    by = By(visit.actor, visit.now_ms, edits.revision_of(visit.form))  # of what she saw
    try:
        async with console.db.transaction() as tx:
            if do == "back":
                await lifecycle.send_back(tx, one.id, by, visit.form.text("why")[:LONGEST])
            else:
                await _STEPS[do](tx, one.id, by)
    except StaleError:
        text = "Somebody else changed it meanwhile. Look at it again."
        return await _shown(console, visit, await held(console, visit), Done(text, status=409))
    except AbsentError:
        raise not_found("campaign", (PATH, "Campaigns")) from None
    except RegistryError as error:
        refused = str(error).partition(": ")[2] or str(error)
        return await _shown(console, visit, one, Done(refused[:1].upper() + refused[1:] + ".", status=409))
    await console.reload()
    return Gone(f"{PATH}/{one.id}", _WORDS[do])


async def _shown(console: ConsoleContext, visit: Visit, one: Record, done: Done = Done()) -> Answer:  # noqa: B008 - a value
    faults, warnings = await checked(console, one.campaign)
    zone = home(console)
    since_ms = times.midnight_ms(visit.now_ms, zone)
    does = await doing.today(console.db, console.people.desk.keyring, since_ms, visit.now_ms)
    mine = does.get(one.id, Doing())
    holding = [each for each in await stops.holding(console.db) if each.scope in {stops.ALL, f"campaign:{one.id}"}]
    word, tone = said.STATES[one.state]
    values = {
        "one": one,
        "word": word,
        "may_write": visit.who.may("editor") and lifecycle.may_write(visit.who.stores, one.campaign.trigger.stores),
        "everywhere": visit.who.stores is None,
        "who": who,
        "tone": tone,
        "newer": newer(one),
        "next": await _next(console, visit, one, len(faults)),
        "faults": faults,
        "warnings": warnings,
        "lines": _lines(one.campaign, console, await segment_names(console), dict(await pools.named(console.db))),
        "variants": said.variants(one.campaign),
        "doing": mine,
        "figures": [
            (words.people(n, exact=sees(visit)), text)
            for n, text in ((mine.sent, "sent"), (mine.shown, "shown"), (mine.opened, "opened"))
        ],
        "shares": _shares(mine),
        "silent_title": _silent(mine, one.state == "live"),
        "proven": await _proven(console, visit, one),
        "stops": holding,
        "changed": await _changed(console, one),
        "versions": await records.versions(console.db, one.id, one.newest.version + 1, VERSIONS),
        "says": await _says(console, visit, one.campaign),
        "kinds": kinds_to_choose(console),
        "typed": {name: visit.form.text(name) for name in ("kind", "value")},
        "refused": done.refused,
        "tried": done.tried,
        "clock": times.clock(visit.now_ms, zone),
        "zone": zone,
    }
    return Shown("campaign.html", values, done.status)


async def _proven(console: ConsoleContext, visit: Visit, one: Record) -> Proven | None:
    """What came of it, once it has spoken."""
    if one.live_version is None:
        return None
    found = await results.results(console.db, one.id, results.WITHIN_DAYS, visit.now_ms)
    if not (found.reached or found.treated.people or found.holdout.people):
        return None
    return proven(found, exact=sees(visit), is_compared=one.campaign.holdout > 0)


async def _changed(console: ConsoleContext, one: Record) -> list[tuple[str, str, str]]:
    """What the newest version says otherwise than the one that runs; nothing where none does."""
    if one.live_version in {None, one.newest.version}:
        return []
    runs = await records.version(console.db, one.id, one.live_version or 0)
    return [] if runs is None else differences(runs, one.campaign, home(console))


def _lines(
    campaign: Campaign, console: ConsoleContext, segments: Mapping[str, str], called: Mapping[str, str]
) -> list[tuple[str, str]]:
    """What it does, as a list of questions with their answers; `called` are names of pools."""
    pick = "" if campaign.pick is None else said.pick(campaign.pick)
    codes = [f"a code of “{called.get(name, name)}”" for name in named_pools(campaign)]
    offers = words.listed([each for each in (pick, *codes) if each])
    slots = "" if not campaign.slots else f"{words.number(said.variants(campaign))} of {_slots(campaign)}"
    told = {"now": "", "checkout": "at the tills", "next_visit": "when she comes next", "evening": "in the evening"}
    found = [
        ("When", said.when(campaign.trigger, names(console), segments)),
        ("Who", whom(campaign)),
        ("Told", told[campaign.when]),
        ("Runs", said.schedule(campaign.schedule)),
        ("Offers", offers),
        ("How often", said.often(campaign)),
        ("Variants", slots),
        ("Held out", f"{campaign.holdout:.0%} of people, to compare" if campaign.holdout else ""),
        ("Worth", f"{campaign.value:g}" + (f", priority {campaign.priority}" if campaign.priority else "")),
        ("Follows", words.count(len(campaign.steps), "step") if campaign.steps else ""),
        ("Tags", words.listed(list(campaign.tags))),
    ]
    return [(label, text) for label, text in found if text]


def _slots(campaign: Campaign) -> str:
    return words.listed([f"{len(slot.options)} {slot.name}" for slot in campaign.slots])


async def _says(console: ConsoleContext, visit: Visit, campaign: Campaign) -> phone.Phone:
    """How it looks to the first of its audience; for who is kept to some stores, to nobody in particular."""
    if visit.who.stores is not None:
        return await phone.shown(console, campaign, (), phone.As(), visit.now_ms)
    try:
        among = await phone.whom(console, campaign, visit.now_ms)
    except RuleError:
        return phone.Phone(problem="Its audience cannot be read.")
    return await phone.shown(console, campaign, among if sees(visit) else (), phone.As(), visit.now_ms)


def _shares(mine: Doing) -> list[Share]:
    """The ends that it had lately, side by side."""
    whole, at, found = max(1, mine.looked), 0, []
    for verdict, n in mine.fates:
        width = round(_WIDTH * n / whole)
        found.append(Share(said.fate(verdict), n, at, max(2, width - 4)))
        at += width
    return found


def _silent(mine: Doing, is_live: bool) -> str:  # noqa: FBT001 - whether it is
    if not mine.looked:
        return "Nothing asked for it within a day" if is_live else "It is not asked"
    if mine.sent:
        return "How it ended where it was looked at"
    return f"Why it is silent: {mine.silence}"


# --- the next step ----------------------------------------------------------------------------------------------------


async def _next(console: ConsoleContext, visit: Visit, one: Record, faults: int) -> Next:
    """What is to be done next."""
    if faults and one.newest.stage != "launched":
        text = "Then it can be reviewed. Each is said beside its field."
        return Next(f"{words.spelled(faults, 'thing')} to mend", text)
    return await _STAGES[one.newest.stage](console, visit, one)


async def _draft(console: ConsoleContext, visit: Visit, one: Record) -> Next:
    del console, visit
    running = " What runs now runs on until then." if one.live_version is not None else ""
    text = f"Look at it once more, try it on your own phone, then ask a colleague to look.{running}"
    return Next("Ready to be reviewed", text, (("ask", "Ask for a review", "main"),))


async def _review(console: ConsoleContext, visit: Visit, one: Record) -> Next:
    acts = (("approve", "It is good", "main"), ("back", "Send it back", ""))
    if visit.actor != one.newest.made_by:
        return Next("Is it good?", f"{_one(one.newest.made_by)} asks you to look at it: words, people, limits.", acts)
    if await _is_alone(console, visit, one):
        return Next("Look at it once more", "There is nobody else here to review it, so you do it yourself.", acts)
    return Next("Waiting for a colleague", "Somebody else has to find it good: not who wrote it.", acts[1:])


async def _is_alone(console: ConsoleContext, visit: Visit, one: Record) -> bool:
    """Whether no other operator could review it, as `lifecycle.approve` asks as well."""
    stores = one.campaign.trigger.stores
    return not any(
        each.login != visit.session.login
        and not each.disabled
        and each.principal.may("editor")
        and lifecycle.may_write(each.stores, stores)
        for each in await operators.listed(console.db)
    )


async def _reviewed(console: ConsoleContext, visit: Visit, one: Record) -> Next:
    del console, visit
    text = f"{_one(one.newest.reviewed_by)} found it good. From the moment you launch it, it speaks."
    return Next("Ready to launch", text, (("launch", "Launch it", "main"), ("back", "Send it back", "")))


def _one(actor: str | None) -> str:
    """Who it was, at the beginning of a sentence."""
    name = who(actor or "")
    return name[:1].upper() + name[1:]


async def _launched(console: ConsoleContext, visit: Visit, one: Record) -> Next:
    del console, visit
    found = {
        "live": Next(
            "It speaks", "It answers every moment that fits.", (("pause", "Pause", ""), ("end", "End it", ""))
        ),
        "paused": Next("It is paused", "Nothing is said.", (("resume", "Go on", "main"), ("end", "End it", ""))),
    }
    return found.get(one.state, Next("It has ended", "Nothing is said any more.", (("launch", "Launch it again", ""),)))


_STAGES: Final = {"draft": _draft, "review": _review, "reviewed": _reviewed, "launched": _launched}
