"""How a person is asked: in which country, in which words; and what is made of her answer there."""

from collections.abc import Mapping
from typing import Final

from push.api.contract import Context
from push.model.people import Purpose
from push.profiles import asked
from push.profiles.asked import Asking
from push.profiles.ledger import Circumstances
from push.profiles.purposes import countries

ELSEWHERE: Final = ""
"""Where nobody knows the country, or it is none that anything here depends on."""


def known(context: Context, country: str) -> str:
    """A country that somebody names, as it is counted: one where a store is, or one that settings name."""
    there = {countries.of_store(store) for store in context.presence.directory.stores.values()}
    named = country in there or country in context.collecting.desk.purposes.countries
    return country if named else ELSEWHERE


def country_of(context: Context, locale: str, store: str | None = None) -> str:
    """Where somebody is: in a store's country, or where all stores are, if that is one; or else in her locale's.

    Many read a language whose country they are not in.
    """
    stores = context.presence.directory.stores
    if store is not None and store in stores:
        return countries.of_store(stores[store])
    there = {countries.of_store(each) for each in stores.values()}
    return min(there) if len(there) == 1 else countries.of_locale(locale)


def asking_of(context: Context, asking: Asking, country: str | None) -> Asking:
    """How she was asked, with the country: as she says, or else as her locale does."""
    return asking._replace(country=country_of(context, asking.locale) if country is None else country)


def counted(context: Context, asking: Asking) -> Asking:
    """What of it counts: words that are asked at present, and countries that anything depends on."""
    current = asked.current(asking, context.collecting.desk.purposes)
    return current._replace(country=known(context, asking.country))


def note_answers(context: Context, purposes: Mapping[Purpose, bool], asking: Asking) -> None:
    """Count what was answered to words that count, for `/metrics`."""
    context.collecting.answers.update(
        f"{purpose} {'granted' if yes else 'denied'}" for purpose, yes in purposes.items() if purpose in asking.versions
    )


def circumstances(
    context: Context, purposes: Mapping[Purpose, bool], asking: Asking, source: str
) -> dict[Purpose, Circumstances]:
    """How she answered, by purpose. Where the country asks for it, a yes waits until it is confirmed by mail."""
    book = context.collecting.desk.purposes
    return {
        purpose: Circumstances(
            source=source,
            said_by=source,
            version=asking.versions.get(purpose, ""),
            locale=asking.locale,
            asked_on=asking.asked_on,
            pending=yes and book.confirms(purpose, asking.country),
        )
        for purpose, yes in purposes.items()
    }
