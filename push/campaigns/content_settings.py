"""What content may rely on and take, as it is configured: the `[push.campaigns.content]` table."""

from typing import Annotated, Final

import msgspec

HOUR_MS: Final = 3_600_000


class ContentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How old stock may be, and what templates with loops may take; config.toml says what each is."""

    stock_h: Annotated[int, msgspec.Meta(ge=1, le=8760)] = 25
    """A file a day, and an hour to spare."""
    workers: Annotated[int, msgspec.Meta(ge=1, le=8)] = 1
    render_ms: Annotated[int, msgspec.Meta(ge=50, le=5000)] = 500
    memory_mb: Annotated[int, msgspec.Meta(ge=128, le=4096)] = 256

    @property
    def stock_ms(self) -> int:
        """How long what a store told of its stock is relied on."""
        return self.stock_h * HOUR_MS
