"""How what waits is confirmed by mail: the `[push.profiles.double_opt_in]` section of config.toml, typed."""

from typing import Annotated

import msgspec

from push.model.people import Locale

Line = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\r\n]*$(?!\n)")]
Body = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class DoubleOptInSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Mails with a link that confirms. They need `push.http.public_url`, and a credential for e-mail."""

    app: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$(?!\n)")] = "default"
    """Whose credential for e-mail they are sent with."""
    hours: Annotated[int, msgspec.Meta(ge=1, le=720)] = 48
    """How long a link works."""
    most_per_hour: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 500
    """Of such mails to everybody together: whoever has the key of an app may name any mailbox."""
    texts: dict[Locale, tuple[Line, Body]] = {}
    """Subject and text by language; ``{what}`` names what is confirmed. Without one: English, Footfall's words."""
