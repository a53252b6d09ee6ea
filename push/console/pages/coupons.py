"""Pools of coupons: how many codes are left, taken and redeemed; made, changed, and filled with codes."""

from typing import Final, NamedTuple

from push.campaigns import pools, records
from push.campaigns.known import named_pools
from push.campaigns.pools import PoolRecord
from push.console import words
from push.console.context import Answer, ConsoleContext, Gone, Shown, TroubleError, Visit, not_found
from push.console.pages import edits, pool_form
from push.console.pages.campaigns import who
from push.console.pages.edits import Filled
from push.console.pages.person import home
from push.console.pages.pool_form import BEGIN, FIELDS, KINDS
from push.console.persons.reckoned import money
from push.deliver.redeeming import Redemption
from push.model.coupons import Pool
from push.model.errors import AbsentError, Fault, MisfitError, TakenError

PATH: Final = "/console/coupons"
_MOST_NAMED: Final = 3
_FIRST: Final = ("now", "soon", "people")


class Line(NamedTuple):
    """A pool in the list: its state in a word, and the live campaigns that give its codes out."""

    one: PoolRecord
    word: str
    tone: str
    campaigns: str


def require(visit: Visit) -> None:
    """Codes are the chain's. Raises `TroubleError`."""
    if visit.who.stores is not None:
        raise TroubleError(403, "That is not yours to see", "Coupons are looked after by operators of every store.")


async def list_(console: ConsoleContext, visit: Visit) -> Answer:
    """Every pool, those that run dry first."""
    require(visit)
    found = await pools.listed(console.db)
    giving = await _giving(console)
    lines = [_line(one, [name for _, name in giving.get(one.pool.id, [])]) for one in found]
    dry = sum(line.one.is_dry and line.campaigns != "" for line in lines)
    values = {
        "title": _title(len(lines), dry),
        "lines": sorted(lines, key=lambda line: (_FIRST.index(line.tone), line.one.pool.name.casefold())),
        "who": who,
        "zone": home(console),
    }
    return Shown("coupons.html", values)


async def _giving(console: ConsoleContext) -> dict[str, list[tuple[str, str]]]:
    """The live campaigns, by id and name, that give codes out, by pool."""
    found: dict[str, list[tuple[str, str]]] = {}
    for each in await records.live(console.db):
        for name in named_pools(each.campaign):
            found.setdefault(name, []).append((each.campaign.id, each.campaign.name))
    return found


def _title(many: int, dry: int) -> str:
    if dry:
        return f"{words.spelled(dry, 'pool')} {'is' if dry == 1 else 'are'} dry"
    return words.spelled(many, "pool") + " of coupons" if many else "No coupons yet"


def _line(one: PoolRecord, campaigns: list[str]) -> Line:
    word, tone = state(one)
    more = f" and {len(campaigns) - _MOST_NAMED} more" if len(campaigns) > _MOST_NAMED else ""
    return Line(one, word, tone, ", ".join(campaigns[:_MOST_NAMED]) + more)


def state(one: PoolRecord) -> tuple[str, str]:
    """A pool's state in a word, with its tone."""
    if one.is_dry:
        return "dry", "now"
    return ("soon dry", "soon") if one.is_low else ("has codes", "people")


async def new(console: ConsoleContext, visit: Visit) -> Answer:
    """An empty form."""
    require(visit)
    return await _shown(console, edits.restored(visit, FIELDS) if visit.is_restored else Filled(BEGIN), None)


async def create(console: ConsoleContext, visit: Visit) -> Answer:
    """Make a pool."""
    require(visit)
    try:
        pool = pool_form.read(visit, edits.id_from(visit.form.text("name")), visit.form.text("kind"))
        async with console.db.transaction() as tx:
            await pools.make(tx, console.desk.vault, pool, visit.actor, visit.now_ms)
    except (MisfitError, TakenError) as error:
        return await _shown(console, _refused(visit, error), None, status=422)
    return Gone(f"{PATH}/{pool.id}", "It is there. A campaign gives its codes out once it names it.")


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """A pool."""
    one = await _held(console, visit)
    filled = edits.restored(visit, FIELDS) if visit.is_restored else Filled(pool_form.filled(one.pool))
    return await _shown(console, filled, one)


async def change(console: ConsoleContext, visit: Visit) -> Answer:
    """Change a pool, or take codes in."""
    one = await _held(console, visit)
    if visit.form.text("do") == "fill":
        return await _take_in(console, visit, one)
    try:
        pool = pool_form.read(visit, one.pool.id, one.pool.kind)
        async with console.db.transaction() as tx:
            await pools.change(tx, pool, visit.actor, visit.now_ms)
    except (MisfitError, TakenError) as error:
        return await _shown(console, _refused(visit, error), one, status=422)
    return Gone(visit.path, "Saved.")


async def _take_in(console: ConsoleContext, visit: Visit, one: PoolRecord) -> Answer:
    typed = visit.form.text("codes")
    try:
        found = await pools.fill(console.db, console.desk.vault, one.pool.id, typed, visit.actor, visit.now_ms)
    except (MisfitError, TakenError) as error:
        return await _shown(console, Filled(pool_form.filled(one.pool)), one, typed=typed, wrong=error.why, status=422)
    known = f", {words.count(found.known, 'other')} it had already" if found.known else ""
    return Gone(visit.path, f"{words.count(found.added, 'code')} came in{known}.")


async def _held(console: ConsoleContext, visit: Visit) -> PoolRecord:
    require(visit)
    try:
        return await pools.get(console.db, visit.at["pool"])
    except AbsentError:
        raise not_found("pool of coupons", (PATH, "Coupons")) from None


def _refused(visit: Visit, error: MisfitError | TakenError) -> Filled:
    taken = (Fault("name", f"Another name was expected: {error.why}."),)
    faults = error.faults if isinstance(error, MisfitError) else taken
    wrong = {"name" if fault.field == "id" else fault.field: fault.expected for fault in reversed(faults)}
    return Filled(edits.typed(visit.form, FIELDS), wrong=wrong, is_typed=True)


async def _shown(  # noqa: PLR0913 - what stands on the page
    console: ConsoleContext,
    filled: Filled,
    one: PoolRecord | None,
    *,
    typed: str = "",
    wrong: str = "",
    status: int = 200,
) -> Answer:
    chosen = [each for each in filled.text("stores").split("\n") if each]
    there = {store.id: store.name for store in console.directory().stores.values()}
    stores = {each: each for each in chosen} | there
    values = {
        "one": one,
        "filled": filled,
        "fields": [*FIELDS],
        "stores": sorted(stores.items(), key=lambda item: item[1].casefold()),
        "chosen": chosen,
        "labels": FIELDS,
        "kinds": KINDS,
        "state": ("", "") if one is None else state(one),
        "worth": "" if one is None else worth(one.pool),
        "giving": [] if one is None else (await _giving(console)).get(one.pool.id, []),
        "typed": typed,
        "wrong": wrong,
        "most": pools.MOST_LINES,
        "zone": home(console),
    }
    return Shown("coupon_pool.html", values, status)


def worth(pool: Pool | Redemption) -> str:
    """What a code is worth, as people read it."""
    if pool.percent is not None:
        return f"{pool.reward} ({pool.percent} %)"
    if pool.amount_minor is not None:
        return f"{pool.reward} ({money(pool.amount_minor, pool.currency or '')})"
    return pool.reward
