"""How often somebody without a credential may try something: a bucket for each of them, and one for all."""

from ipaddress import IPv6Address, ip_address
from typing import Annotated, Final

import msgspec

REMEMBERED: Final = 10_000
"""Buckets that are not full; beyond, only the one for all counts, so that memory stays bounded."""
_MINUTE_MS: Final = 60_000
_SITE_BITS: Final = 64
"""An IPv6 network of one subscriber (RFC 6177): its addresses are its owner's to choose."""


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Failed attempts that are allowed in a minute."""

    failures_each: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 10
    failures_all: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 300


class Limiter:
    """Counts attempts that failed; who failed too often waits until as many as one minute allows have drained."""

    def __init__(self, settings: LimitSettings) -> None:
        self._settings = settings
        self._each: dict[str, tuple[float, int]] = {}
        self._all: tuple[float, int] = (0.0, 0)

    def wait_ms(self, who: str, now_ms: int) -> int:
        """How long somebody must wait before another attempt; 0 for not at all."""
        each, everybody = self._settings.failures_each, self._settings.failures_all
        mine = _drained(self._each.get(who, (0.0, now_ms)), each, now_ms)
        ours = _drained(self._all, everybody, now_ms)
        return max(_until_room(mine, each), _until_room(ours, everybody))

    def failed(self, who: str, now_ms: int) -> None:
        """Note an attempt that failed."""
        each, everybody = self._settings.failures_each, self._settings.failures_all
        self._all = (_drained(self._all, everybody, now_ms) + 1, now_ms)
        if who not in self._each and len(self._each) >= REMEMBERED:
            self._forget(now_ms)
        if who in self._each or len(self._each) < REMEMBERED:
            self._each[who] = (_drained(self._each.get(who, (0.0, now_ms)), each, now_ms) + 1, now_ms)

    def _forget(self, now_ms: int) -> None:
        each = self._settings.failures_each
        self._each = {who: level for who, level in self._each.items() if _drained(level, each, now_ms) > 0}


def remote_of(address: str | None) -> str:
    """Whom an address stands for: an IPv6 network of 64 bits is one somebody."""
    try:
        parsed = ip_address((address or "").partition("%")[0])
    except ValueError:
        return address or ""
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(IPv6Address(int(parsed) >> _SITE_BITS << _SITE_BITS))
    return str(parsed)


def _drained(level: tuple[float, int], per_minute: int, now_ms: int) -> float:
    count, at_ms = level
    return max(0.0, count - max(0, now_ms - at_ms) * per_minute / _MINUTE_MS)


def _until_room(count: float, most: int) -> int:
    over = count + 1 - most
    return 0 if over <= 0 else int(over * _MINUTE_MS / most) + 1
