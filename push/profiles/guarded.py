"""What is known of somebody, for those alone who bring her permit."""

from collections.abc import Awaitable, Callable, Mapping

from push.model.ports import Queries
from push.profiles import people, traits
from push.profiles.keys import Keyring
from push.profiles.permits import ToProfile
from push.profiles.trait_words import Strategies

Scalar = str | int | float | bool | None
ReadTraits = Callable[[Queries, ToProfile], Awaitable[Mapping[str, Scalar]]]
"""What is known of somebody, as templates may say it."""


def reader(keyring: Keyring, strategies: Strategies) -> ReadTraits:
    """What reads everything that is known of a person: what a registry says, and above it what was collected.

    Lists and objects are left out: there is no way to say them in a sentence.
    """

    async def read(db: Queries, permit: ToProfile) -> Mapping[str, Scalar]:
        collected = (await traits.load(db, keyring, [permit.shopper], strategies)).get(permit.shopper, {})
        plain = {name: value for name, value in collected.items() if not isinstance(value, list | dict)}
        return {**await people.traits(db, permit), **plain}

    return read
