"""Pools of coupons: how many codes are left, taken and redeemed; made, changed, and filled with codes."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from push.campaigns import pools, records
from push.campaigns.known import named_pools
from push.campaigns.pools import PoolRecord
from push.console import words
from push.console.context import Answer, ConsoleContext, Gone, Shown, TroubleError, Visit, not_found
from push.console.pages import edits
from push.console.pages.campaigns import who
from push.console.pages.edits import TICKED, Filled
from push.console.pages.person import home
from push.console.persons.reckoned import money
from push.deliver.redeeming import Redemption
from push.model.coupons import Pool
from push.model.errors import AbsentError, Fault, MisfitError, TakenError

PATH: Final = "/console/coupons"
FIELDS: Final[Mapping[str, str]] = {
    "name": "Name",
    "kind": "Where codes come from",
    "reward": "What a code is worth",
    "percent": "Per cent off",
    "days": "Good for so many days",
    "per_person": "Codes for one person",
    "with_visit": "Ends with the visit",
    "stores": "Redeemed in",
}
KINDS: Final = (
    ("signed", "Made for each person"),
    ("list", "Handed in by me"),
)
EXPECTED: Final[Mapping[str, str]] = {
    "id": "A name with letters or digits was expected.",
    "name": "A name was expected, 100 characters at most.",
    "kind": "One of these was expected.",
    "reward": "What the till shows was expected: “a coffee”, “€5 off”; 200 characters at most.",
    "percent": "A whole number from 1 to 100 was expected, or nothing.",
    "days": "A whole number from 0 to 3660 was expected.",
    "per_person": "A whole number from 0 to 1000 was expected.",
    "stores": "Ids of stores were expected, with commas between.",
}
_BEGIN: Final = {"kind": "signed", "days": "30", "per_person": "1"}
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
    giving: dict[str, list[str]] = {}
    for each in await records.live(console.db):
        for name in named_pools(each.campaign):
            giving.setdefault(name, []).append(each.campaign.name)
    lines = [_line(one, giving.get(one.pool.id, [])) for one in found]
    dry = sum(line.one.is_dry and line.campaigns != "" for line in lines)
    values = {
        "title": _title(len(lines), dry),
        "lines": sorted(lines, key=lambda line: (_FIRST.index(line.tone), line.one.pool.name.casefold())),
        "who": who,
        "zone": home(console),
    }
    return Shown("coupons.html", values)


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
    return ("soon dry", "soon") if one.is_low else ("gives", "people")


async def new(console: ConsoleContext, visit: Visit) -> Answer:
    """An empty form."""
    require(visit)
    return _shown(console, edits.restored(visit, FIELDS) if visit.is_restored else Filled(_BEGIN), None)


async def create(console: ConsoleContext, visit: Visit) -> Answer:
    """Make a pool."""
    require(visit)
    try:
        pool = _read(visit, edits.id_from(visit.form.text("name")), visit.form.text("kind"))
        async with console.db.transaction() as tx:
            await pools.make(tx, console.desk.vault, pool, visit.actor, visit.now_ms)
    except (MisfitError, TakenError) as error:
        return _shown(console, _refused(visit, error), None, status=422)
    return Gone(f"{PATH}/{pool.id}", "It is there. A campaign gives its codes out once it names it.")


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """A pool."""
    one = await _held(console, visit)
    filled = edits.restored(visit, FIELDS) if visit.is_restored else Filled(_fill(one.pool))
    return _shown(console, filled, one)


async def change(console: ConsoleContext, visit: Visit) -> Answer:
    """Change a pool, or take codes in."""
    one = await _held(console, visit)
    if visit.form.text("do") == "fill":
        return await _take_in(console, visit, one)
    try:
        pool = _read(visit, one.pool.id, one.pool.kind, one.pool)
        async with console.db.transaction() as tx:
            await pools.change(tx, pool, visit.actor, visit.now_ms)
    except (MisfitError, TakenError) as error:
        return _shown(console, _refused(visit, error), one, status=422)
    return Gone(visit.path, "Saved.")


async def _take_in(console: ConsoleContext, visit: Visit, one: PoolRecord) -> Answer:
    typed = visit.form.text("codes")
    try:
        found = await pools.fill(console.db, console.desk.vault, one.pool.id, typed, visit.actor, visit.now_ms)
    except (MisfitError, TakenError) as error:
        return _shown(console, Filled(_fill(one.pool)), one, typed=typed, wrong=error.why, status=422)
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


def _shown(  # noqa: PLR0913 - what stands on the page
    console: ConsoleContext,
    filled: Filled,
    one: PoolRecord | None,
    *,
    typed: str = "",
    wrong: str = "",
    status: int = 200,
) -> Answer:
    values = {
        "one": one,
        "filled": filled,
        "fields": [*FIELDS],
        "labels": FIELDS,
        "kinds": KINDS,
        "state": ("", "") if one is None else state(one),
        "worth": "" if one is None else worth(one.pool),
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


def _fill(pool: Pool) -> dict[str, str]:
    return {
        "name": pool.name,
        "kind": pool.kind,
        "reward": pool.reward,
        "percent": "" if pool.percent is None else str(pool.percent),
        "days": str(pool.days),
        "per_person": str(pool.per_person),
        "with_visit": TICKED if pool.with_visit else "",
        "stores": ", ".join(pool.stores),
    }


def _read(visit: Visit, id_: str, kind: str, before: Pool | None = None) -> Pool:
    """A pool from the form; an amount, which the form does not ask for, stays. Raises `MisfitError`."""
    form, subject = visit.form, f"pool of coupons {id_}"
    numbers = {name: edits.one_number(subject, name, form.text(name)) for name in ("percent", "days", "per_person")}
    asked: dict[str, object] = {name: value for name, value in numbers.items() if value is not None}
    asked |= {"id": id_, "name": form.text("name"), "kind": kind, "reward": form.text("reward")}
    asked |= {"with_visit": form.has("with_visit"), "stores": edits.words_of(form.text("stores"))}
    if before is not None:
        asked |= {"amount_minor": before.amount_minor, "currency": before.currency}
    return edits.convert(Pool, subject, asked, EXPECTED)
