"""What is known of somebody, for those alone who bring her permit."""

from collections.abc import Awaitable, Callable, Collection, Mapping

from push.model.ports import Queries
from push.model.profiles import Json
from push.profiles import traits
from push.profiles.keys import Keyring
from push.profiles.permits import ToProfile
from push.profiles.trait_words import Strategies

Scalar = str | int | float | bool | None
ReadTraits = Callable[[Queries, Collection[ToProfile]], Awaitable[Mapping[str, Mapping[str, Scalar]]]]
"""What is known of people, by facet, as templates may say it."""


async def nothing(db: Queries, some: Collection[ToProfile]) -> Mapping[str, Mapping[str, Scalar]]:
    """What is known where no traits are kept."""
    del db, some
    return {}


def reader(keyring: Keyring, strategies: Strategies) -> ReadTraits:
    """What reads everything that is known of people, whoever said it.

    Lists and objects are left out: there is no way to say them in a sentence.
    """

    async def read(db: Queries, some: Collection[ToProfile]) -> Mapping[str, Mapping[str, Scalar]]:
        found = await traits.load(db, keyring, [permit.shopper for permit in some], strategies)
        return {shopper: _plain(known) for shopper, known in found.items()}

    return read


def _plain(known: Mapping[str, Json]) -> dict[str, Scalar]:
    return {name: value for name, value in known.items() if not isinstance(value, list | dict)}


async def outgoing(db: Queries, keyring: Keyring, permit: ToProfile, strategies: Strategies) -> dict[str, Json]:
    """What holds of her among the traits that may go out to other tools."""
    held = (await traits.load(db, keyring, [permit.shopper], strategies)).get(permit.shopper, {})
    return {name: value for name, value in held.items() if name in strategies and strategies[name].outgoing}
