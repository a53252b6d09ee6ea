"""What is left of a statement that a key brings which ships in apps and pages: anybody can take it out of one. Pure."""

from collections.abc import Iterator

import msgspec

from push.model.profiles import Statement
from push.profiles.collect import commerce
from push.profiles.collect.settings import BoundSettings
from push.profiles.trait_words import encoded


def within_bounds(statement: Statement, bounds: BoundSettings) -> Statement:
    """A statement without the traits that are too large for such a key to say."""
    if statement.authority != "publishable" or not statement.traits:
        return statement
    fitting = {name: value for name, value in statement.traits.items() if len(encoded(value)) <= bounds.trait_bytes}
    return statement if len(fitting) == len(statement.traits) else msgspec.structs.replace(statement, traits=fitting)


def notes_on(said: Statement, kept: Statement) -> Iterator[str]:
    """What of a statement is to be counted: never a value."""
    yield from ["trait_too_large"] * (len(said.traits) - len(kept.traits))
    currency = said.properties.get("currency")
    if said.kind == "track" and isinstance(currency, str) and currency and not commerce.is_currency(currency):
        yield "unknown_currency"
