"""What the server is told about profiles: the `[push.profiles]` section of config.toml, typed."""

import msgspec


class ProfileSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How people are known, what is kept of them, and for how long."""
