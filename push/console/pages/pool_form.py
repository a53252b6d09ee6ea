"""The form of a pool of coupons: filled from one, and read back as people type: money by its amount, stores by name."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from babel.numbers import get_currency_precision, list_currencies

from push.console.context import Visit
from push.console.pages import edits
from push.console.pages.edits import TICKED
from push.model.coupons import Pool
from push.model.errors import Fault, MisfitError

FIELDS: Final[Mapping[str, str]] = {
    "name": "Name",
    "kind": "Where codes come from",
    "reward": "What a code is worth",
    "amount": "Amount off",
    "currency": "Currency",
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
BEGIN: Final = {"kind": "signed", "days": "30", "per_person": "1"}
EXPECTED: Final[Mapping[str, str]] = {
    "id": "A name with letters or digits was expected.",
    "name": "A name was expected, 100 characters at most.",
    "kind": "One of these was expected.",
    "reward": "What the till shows was expected: “a coffee”, “€5 off”; 200 characters at most.",
    "amount": "An amount of money like 5 or 4.50 was expected, or nothing.",
    "currency": "The three letters of a currency were expected, such as EUR.",
    "percent": "A whole number from 1 to 100 was expected, or nothing.",
    "days": "A whole number from 0 to 3660 was expected.",
    "per_person": "A whole number from 0 to 1000 was expected.",
    "stores": "Stores of this chain were expected.",
}
_MOST_MINOR: Final = 10**9
_NUMBERS: Final = ("percent", "days", "per_person")


def filled(pool: Pool) -> dict[str, str]:
    """A pool as its form shows it."""
    return {
        "name": pool.name,
        "kind": pool.kind,
        "reward": pool.reward,
        "amount": _spelled(pool.amount_minor, pool.currency or ""),
        "currency": pool.currency or "",
        "percent": "" if pool.percent is None else str(pool.percent),
        "days": str(pool.days),
        "per_person": str(pool.per_person),
        "with_visit": TICKED if pool.with_visit else "",
        "stores": "\n".join(pool.stores),
    }


def _spelled(minor: int | None, currency: str) -> str:
    """``5.00`` of 500 cents."""
    return "" if minor is None else f"{Decimal(minor).scaleb(-get_currency_precision(currency)):f}"


def read(visit: Visit, id_: str, kind: str) -> Pool:
    """A pool from the form. Raises `MisfitError` with what was expected, by field."""
    form, subject = visit.form, f"pool of coupons {id_}"
    numbers = {name: edits.one_number(subject, name, form.text(name)) for name in _NUMBERS}
    asked: dict[str, object] = {name: value for name, value in numbers.items() if value is not None}
    asked |= {"id": id_, "name": form.text("name"), "kind": kind, "reward": form.text("reward")}
    asked |= {"with_visit": form.has("with_visit"), "stores": [each for each in form.all("stores") if each]}
    if form.text("amount"):
        if "percent" in asked:
            raise _wrong(subject, "percent", "Either a share or an amount was expected, not both.")
        asked |= _amount(subject, form.text("amount"), form.text("currency").upper())
    return edits.convert(Pool, subject, asked, EXPECTED)


def _amount(subject: str, text: str, currency: str) -> dict[str, object]:
    """An amount and its currency, as pools keep them. Raises `MisfitError`."""
    if currency not in list_currencies():
        raise _wrong(subject, "currency", EXPECTED["currency"])
    digits = get_currency_precision(currency)
    try:
        minor = Decimal(text.replace(",", ".")).scaleb(digits)
        is_whole = 0 < minor <= _MOST_MINOR and minor == minor.to_integral_value()
    except ArithmeticError:
        is_whole = False
    if not is_whole:
        raise _wrong(subject, "amount", EXPECTED["amount"] if digits else f"{currency} has no parts: {_WHOLE}")
    return {"amount_minor": int(minor), "currency": currency}


_WHOLE: Final = "a whole amount like 500 was expected, or nothing."


def _wrong(subject: str, field: str, text: str) -> MisfitError:
    return MisfitError(subject, (Fault(field, text),))
