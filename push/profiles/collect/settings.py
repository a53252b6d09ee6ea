"""What keys that ship in apps and pages may do: the `[push.profiles.bounds]` section of config.toml, typed."""

from typing import Annotated

import msgspec


class BoundSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Anybody can take such a key out of an app, so nothing that it does may grow without end."""

    traits: Annotated[int, msgspec.Meta(ge=10, le=500)] = 100
    """Names of traits that are kept of somebody who is known by an anonymous id alone."""
    trait_bytes: Annotated[int, msgspec.Meta(ge=64, le=8_192)] = 1_024
    """Of one trait's value as JSON, where such a key says it."""
    new_people_per_min: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 6_000
    """People who are new, for one such key."""
    new_people_per_min_each: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 600
    """The same, from one address; from our own machine (a reverse proxy) the key's own bound alone counts."""
    learned_fields: Annotated[int, msgspec.Meta(ge=100, le=100_000)] = 20_000
    """Fields of events and traits that are learned, of all kinds together."""
