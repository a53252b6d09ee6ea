"""In which country somebody is asked: as her app says, or where the store is. Pure."""

import re
from collections.abc import Mapping
from typing import Final

from babel import Locale
from babel.core import get_global

from beacons.registry import Store

_REGION: Final = re.compile(r"^[A-Za-z]{2,3}(?:[_-][A-Za-z]{4})?[_-]([A-Za-z]{2})(?:[_-]|$)")
_TERRITORIES: Final[Mapping[str, str]] = {
    name.casefold(): code
    for code, name in Locale("en").territories.items()
    if len(code) == 2  # noqa: PLR2004 - those of ISO 3166-1
}
_ZONES: Final[Mapping[str, str]] = get_global("zone_territories")


def of_locale(locale: str) -> str:
    """The country that a locale names (``de-AT``: AT), empty where it names none."""
    found = _REGION.match(locale)
    return "" if found is None else found[1].upper()


def of_store(store: Store) -> str:
    """The country of a store: as its address ends, by its holidays, or else by its time zone."""
    return _of_address(store.address) or store.holidays[:2] or _ZONES.get(store.time_zone, "")


def _of_address(address: str) -> str:
    last = address.rpartition(",")[2].strip()
    if last in _TERRITORIES.values():
        return last
    return _TERRITORIES.get(last.casefold(), "")
