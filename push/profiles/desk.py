"""What everything that changes profiles works with."""

from typing import NamedTuple

from push.model.vault import Vault
from push.profiles.identity.kinds import Kinds
from push.profiles.keys import Keyring
from push.profiles.settings import ProfileSettings


class Desk(NamedTuple):
    """Made once, in `push.parts`; passed on to every room that writes about people."""

    vault: Vault
    keyring: Keyring
    kinds: Kinds
    settings: ProfileSettings
