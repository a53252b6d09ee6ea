"""How many people who are new a key that ships in apps and pages may bring in a minute."""

import ipaddress
from collections import Counter
from typing import Final

from push.profiles.collect.settings import BoundSettings

_MINUTE_MS: Final = 60_000


class Newcomers:
    """Counts by key, and by key and address, for a minute; what was counted before is forgotten then."""

    def __init__(self, bounds: BoundSettings) -> None:
        self._bounds = bounds
        self._minute = -1
        self._by_key: Counter[str] = Counter()
        self._by_address: Counter[tuple[str, str]] = Counter()

    def let_in(self, key: str, address: str, many: int, now_ms: int) -> int:
        """Let so many in, all or none; 0, or after how many ms they may come again."""
        if now_ms // _MINUTE_MS != self._minute:
            self._minute = now_ms // _MINUTE_MS
            self._by_key.clear()
            self._by_address.clear()
        each = self._bounds.new_people_per_min_each
        is_full = self._by_key[key] + many > self._bounds.new_people_per_min
        if is_full or (not _is_ours(address) and self._by_address[key, address] + many > each):
            return _MINUTE_MS - now_ms % _MINUTE_MS
        self._by_key[key] += many
        self._by_address[key, address] += many
        return 0


def _is_ours(address: str) -> bool:
    """Whether it is our own machine, behind whose proxy everybody may be."""
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return True  # a Unix socket's peer has none
