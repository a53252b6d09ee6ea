"""A campaign's form: filled from a recipe or from what stands, tried on people of its audience while it is written.

Without script a button looks at it; with it, the phone and the count follow what is typed.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from push.campaigns import checking, lifecycle, pools, reaching, records
from push.campaigns.known import Standing, known
from push.campaigns.lifecycle import By
from push.campaigns.recipes import recipe
from push.campaigns.records import Record
from push.console import times, words
from push.console.campaigning import choices, phone, reading, said, sheet
from push.console.campaigning.labels import LABELS
from push.console.campaigning.phone import As, Phone
from push.console.campaigning.reading import Over
from push.console.campaigning.sheet import ON, ROWS, Sheet
from push.console.context import Answer, ConsoleContext, Gone, Shown, Visit, not_found
from push.console.pages import edits
from push.console.pages.campaigns import PATH, is_seen, segment_names
from push.console.pages.person import home, sees
from push.console.pages.segments import builder
from push.model.campaigns import Campaign, Template, Trigger
from push.model.errors import Fault, MisfitError, StaleError
from push.model.rules.parse import RuleError, parse

BLANK: Final = "blank"
_LONGEST_COPIED: Final = 90
_NEW: Final = Campaign(
    id="new", name="New campaign", trigger=Trigger(kind="store_entered"), template=Template(title="Hello", body="")
)


class Reached(NamedTuple):
    """How many a campaign reaches, of whom, and why not the others."""

    many: str
    how: str
    because: Sequence[str]


class Looked(NamedTuple):
    """What was found out about a campaign as it is typed: how it looks, whom it reaches, what to think about."""

    phone: Phone | None = None
    reached: Reached | None = None
    warnings: Sequence[str] = ()
    status: int = 200


class _Found(NamedTuple):
    """The campaign that a form is laid over: with its record where there is one."""

    base: Campaign
    one: Record | None


async def new(console: ConsoleContext, visit: Visit) -> Answer:
    """The form, filled from a recipe."""
    base = await _base(console, visit)
    if visit.is_restored:
        return await _shown(console, visit, sheet.typed(visit.form, 0), None)
    filled = sheet.of(base, home(console))
    return await _shown(console, visit, filled, None, await _look(console, visit, base))


async def create(console: ConsoleContext, visit: Visit) -> Answer:
    """Look at it, or keep it as a draft."""
    return await _sent(console, visit, _Found(await _base(console, visit), None))


async def _base(console: ConsoleContext, visit: Visit) -> Campaign:
    """What it starts from: a recipe, another campaign, or nothing. Raises `TroubleError`."""
    copied = visit.form.text("copy") or visit.query.get("copy", "")
    if visit.at["recipe"] == BLANK and not copied:
        return _NEW
    other = await records.get(console.db, copied) if copied else None
    if other is not None and is_seen(visit, other.campaign):
        return msgspec.structs.replace(other.campaign, name=f"{other.name[:_LONGEST_COPIED]}, again")
    found = recipe(visit.at["recipe"])
    if found is None:
        raise not_found("recipe", (f"{PATH}/new", "What to start from"))
    return found.campaign


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """The form of a campaign: its newest version."""
    one = await held(console, visit)
    if visit.is_restored:
        return await _shown(console, visit, sheet.typed(visit.form, edits.revision_of(visit.form)), one)
    filled = sheet.of(one.campaign, home(console), one.revision)
    _, warnings = await checked(console, one.campaign)
    return await _shown(console, visit, filled, one, await _look(console, visit, one.campaign, warnings))


async def change(console: ConsoleContext, visit: Visit) -> Answer:
    """Look at it, or keep it as a newer draft."""
    one = await held(console, visit)
    return await _sent(console, visit, _Found(one.campaign, one))


async def held(console: ConsoleContext, visit: Visit) -> Record:
    """The campaign that an address names. Raises `TroubleError`."""
    found = await records.get(console.db, visit.at["campaign"])
    if found is None or not is_seen(visit, found.campaign):
        raise not_found("campaign", (PATH, "Campaigns"))
    return found


async def _sent(console: ConsoleContext, visit: Visit, found: _Found) -> Answer:
    one = found.one
    typed = sheet.typed(visit.form, edits.revision_of(visit.form))
    name = edits.id_from(typed.text("name")) if one is None else one.id
    try:
        campaign = reading.read(typed, Over(found.base, name or "new", home(console)))
    except MisfitError as error:
        return await _refused(console, visit, typed, one, error.faults)
    faults, warnings = await checked(console, campaign)
    if not lifecycle.may_write(visit.who.stores, campaign.trigger.stores):
        text = "Stores of yours, and none but these, were expected."
        return await _refused(console, visit, typed, one, [Fault("stores", text)])
    if visit.form.text("do") != "save":
        looked = await _look(console, visit, campaign, warnings)
        return await _shown(console, visit, _wrong(typed, faults), one, looked)
    try:
        async with console.db.transaction() as tx:
            expect = 0 if one is None else typed.revision
            await lifecycle.save_draft(tx, campaign, By(visit.actor, visit.now_ms, expect))
    except MisfitError as error:
        return await _refused(console, visit, typed, one, error.faults)
    except StaleError as error:
        return await _late(console, visit, typed, one, error)
    still = f" {words_of(len(faults))} still to be mended before it can be launched." if faults else ""
    return Gone(f"{PATH}/{campaign.id}", f"{campaign.name} is kept as a draft.{still}")


def words_of(many: int) -> str:
    """``One thing is``, ``3 things are``."""
    return "One thing is" if many == 1 else f"{many} things are"


def _wrong(typed: Sheet, faults: Iterable[Fault]) -> Sheet:
    return sheet.with_problems(typed, [(fault.field, fault.expected) for fault in faults])


async def _refused(
    console: ConsoleContext, visit: Visit, typed: Sheet, one: Record | None, faults: Iterable[Fault]
) -> Answer:
    return await _shown(console, visit, _wrong(typed, faults), one, Looked(status=422))


async def _late(console: ConsoleContext, visit: Visit, typed: Sheet, one: Record | None, error: StaleError) -> Answer:
    """Somebody was faster: what was typed stays, and may be saved again."""
    who = error.changed_by.partition(":")[2] or "Somebody"
    text = "There is one of this name." if one is None else f"{who} changed it meanwhile. Save again, and yours stands."
    wrong = sheet.with_problems(typed._replace(revision=error.revision), [("name", text)])
    return await _shown(console, visit, wrong, one, Looked(status=409))


async def checked(console: ConsoleContext, campaign: Campaign) -> tuple[list[Fault], list[str]]:
    """What is wrong with a campaign by field, and what to think about."""
    policy = console.deciding.in_force.policy
    goods = console.people.segments.sight.goods
    standing = Standing(console.directory(), console.rules, console.people.desk.purposes, policy, goods)
    there = await known(console.db, standing, [campaign])
    found = checking.check(campaign, there, console.clock.now_ms())
    faults = [Fault(one.field, said.sentence(one.text)) for one in found.faults]
    called = {one.id: one.name for one in there.others}
    return faults, [said.sentence(said.named(one.text, called)) for one in found.warnings]


async def _look(console: ConsoleContext, visit: Visit, campaign: Campaign, warnings: Sequence[str] = ()) -> Looked:
    """How it looks to one of its audience, and how many there are: for who is kept to some stores, to nobody."""
    if visit.who.stores is not None:
        return Looked(await phone.shown(console, campaign, (), As(), visit.now_ms), warnings=warnings)
    nth = visit.form.text("nth")
    turned = int(nth) % phone.SHOWN if nth.isascii() and nth.isdigit() and len(nth) < 6 else 0  # noqa: PLR2004 - some number
    if visit.form.has("another"):
        turned += 1
    try:
        whom = await phone.whom(console, campaign, visit.now_ms)
    except RuleError:
        return Looked(warnings=warnings)
    channel, _, locale = visit.form.text("as").partition("/")
    how = As(turned, channel, locale)
    shown = await phone.shown(console, campaign, whom if sees(visit) else (), how, visit.now_ms)
    return Looked(shown, await _reach(console, visit, campaign), warnings)


async def _reach(console: ConsoleContext, visit: Visit, campaign: Campaign) -> Reached:
    """How many it reaches now, in words, and why not the others."""
    rule = None if campaign.audience is None else parse(campaign.audience)
    asked = reaching.Asked(campaign, rule, console.deciding.in_force.policy)
    found = await reaching.reach(console.db, console.people.segments, asked, visit.now_ms)
    exact = sees(visit)
    most = sorted(found.because, key=lambda one: -one.people.people)
    because = [f"{words.people(one.people.people, exact=exact)} {one.text}" for one in most]
    between = f", between {words.number(found.reachable.low)} and {words.number(found.reachable.high)}"
    how = f"can be reached now, of {words.number(found.people)}{'' if found.is_exact else between}"
    return Reached(words.people(found.reachable.people, exact=exact), how, because)


async def _pools(console: ConsoleContext, filled: Sheet) -> list[tuple[str, str]]:
    """Pools to choose from; one that is gone stays to be seen."""
    found, chosen = await pools.named(console.db), filled.text("coupon")
    gone = [(chosen, chosen)] if chosen not in {"", *(id_ for id_, _ in found)} else []
    return [("", "None"), *found, *gone]


async def _shown(
    console: ConsoleContext,
    visit: Visit,
    filled: Sheet,
    one: Record | None,
    looked: Looked = Looked(),  # noqa: B008 - a value
) -> Answer:
    zone, segments = home(console), await segment_names(console)
    values = {
        "one": one,
        "filled": filled,
        "labels": LABELS,
        "may_write": visit.who.may("editor")
        and (one is None or lifecycle.may_write(visit.who.stores, one.campaign.trigger.stores)),
        "looked": looked,
        "title": one.name if one else "Your campaign, step by step",
        "clock": times.clock(visit.now_ms, zone),
        "zone": zone,
        "on": ON,
        "rows": {group: [*filled.rows.get(group, ()), *choices.spare(group)] for group in ROWS},
        "variants": choices.variants(filled),
        "views": choices.views(filled),
        "view": visit.form.text("as"),
        "copy": visit.form.text("copy") or visit.query.get("copy", ""),
        "builder": builder(console, sorted(segments.items(), key=lambda item: item[1].casefold())),
        **choices.choices(console, segments),
        "pools": await _pools(console, filled),
    }
    return Shown("campaign_edit.html", values, looked.status)
