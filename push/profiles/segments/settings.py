"""What the server is told about segments: the `[push.profiles.segments]` section of config.toml, typed."""

from typing import Annotated

import msgspec


class SegmentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many there may be, and how long it is known who entered and left."""

    most: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 2000
    moves_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 30
