"""The till: a code is typed, and what it is worth stands there; used before, when and where."""

from typing import Final

from beacons.registry import Store
from push.console import times
from push.console.context import Answer, ConsoleContext, Shown, TroubleError, Visit
from push.console.pages.coupons import worth
from push.deliver import redeeming
from push.deliver.redeeming import GUESSES, Asked, CouponError, Objection, Redemption
from push.enrolment.limits import PERSON, TooManyError, Who

PATH: Final = "/console/till"
LONGEST: Final = 100
_TITLES: Final[dict[Objection, str]] = {
    "unknown": "There is no such code",
    "mistyped": "Look at the letters once more",
    "forged": "This code is not ours",
    "used": "It was used before",
    "expired": "It is over",
    "elsewhere": "It is for another store",
}


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """A field for a code."""
    return _shown(console, visit, _chosen(_stores(console, visit), visit.query.get("store", "")))


async def redeem(console: ConsoleContext, visit: Visit) -> Answer:
    """Redeem what was typed."""
    store = _chosen(_stores(console, visit), visit.form.text("store"))
    code = visit.form.text("typed")[:LONGEST]
    if not code:
        return _shown(console, visit, store, wrong="A code was expected.", status=422)
    who = Who(f"coupons {visit.actor}", PERSON)
    try:
        console.site.limits.attempt(who, visit.now_ms)
    except TooManyError as error:
        again = f"Try again in {error.after_s} s."
        raise TroubleError(429, "Too many wrong codes", again, (PATH, "The till")) from None
    try:
        found = await redeeming.redeem(console.db, console.desk.vault, Asked(code, store.id), visit.now_ms)
    except CouponError as error:
        if error.what not in GUESSES:
            console.site.limits.passed(who)
        told = (_TITLES[error.what], _detail(console, visit, error))
        return _shown(console, visit, store, typed=code, refused=told, status=409)
    console.site.limits.passed(who)
    return _shown(console, visit, store, done=found)


def _detail(console: ConsoleContext, visit: Visit, error: CouponError) -> str:
    if error.used is None:
        text = str(error)
        return "Look at the letters once more." if text.rstrip(".") == _TITLES[error.what] else text
    store = console.directory().stores.get(error.used.store)
    if store is None:
        return f"Used {times.iso(error.used.at_ms)} in {error.used.store}."
    when = times.when(error.used.at_ms, visit.now_ms, console.zone_of(store))
    return f"Used {'today ' if ',' not in when and len(when) == len('14:07') else ''}{when} in {store.name}."


def _stores(console: ConsoleContext, visit: Visit) -> list[Store]:
    found = [store for store in console.directory().stores.values() if visit.who.sees(store.id)]
    return sorted(found, key=lambda one: one.name.casefold())


def _chosen(stores: list[Store], wanted: str) -> Store:
    """The store that is meant, or the first that is hers. Raises `TroubleError`."""
    if not stores:
        raise TroubleError(404, "No store is yours", "Coupons are redeemed in a store. Ask whoever looks after yours.")
    return next((store for store in stores if store.id == wanted), stores[0])


def _shown(  # noqa: PLR0913 - what stands on the page
    console: ConsoleContext,
    visit: Visit,
    store: Store,
    *,
    typed: str = "",
    wrong: str = "",
    refused: tuple[str, str] | None = None,
    done: Redemption | None = None,
    status: int = 200,
) -> Answer:
    stores = _stores(console, visit)
    values = {
        "store": store,
        "stores": [(one.id, one.name) for one in stores],
        "typed": typed,
        "wrong": wrong,
        "refused": refused,
        "done": done,
        "worth": "" if done is None else worth(done),
    }
    return Shown("till.html", values, status)
