"""What everything that changes profiles works with."""

from typing import Final, NamedTuple

from push.model.vault import Vault
from push.profiles.derived.reading import Goods, NoGoods
from push.profiles.identity.kinds import Kinds
from push.profiles.keys import Keyring
from push.profiles.purposes.book import Purposes
from push.profiles.settings import ProfileSettings

NO_GOODS: Final = NoGoods()
BUILT_IN: Final = Purposes()


class Desk(NamedTuple):
    """Made once, in `push.parts`; passed on to every room that writes about people."""

    vault: Vault
    keyring: Keyring
    kinds: Kinds
    settings: ProfileSettings
    goods: Goods = NO_GOODS
    purposes: Purposes = BUILT_IN
