"""How often somebody may try: a bucket for each login and one for each address, in bounded memory. Pure."""

import ipaddress
from collections import OrderedDict
from typing import Final, NamedTuple

from push.access.errors import TooOftenError


class Rate(NamedTuple):
    """`burst` attempts at once, then one every `every_ms`."""

    burst: int
    every_ms: int


LOGIN: Final = Rate(10, 30_000)
"""For one login: ten typing errors, then 120 guesses an hour (NIST SP 800-63B-4, section 3.2.2 asks for a bound)."""
ADDRESS: Final = Rate(30, 10_000)
"""From one address: an office behind one, of which several forget theirs on the same morning."""
LOOPBACK: Final = Rate(300, 500)
"""From our own machine: behind a reverse proxy, everybody. Nobody may lock out all the others by guessing."""
MOST: Final = 20_000
"""Buckets of one kind; each takes some 200 bytes."""


class Buckets:
    """Token buckets by name. Of too many, the one that was longest not asked for is forgotten: it is fullest."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._full_ms: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._full_ms)

    def take(self, name: str, rate: Rate, now_ms: int) -> int:
        """Take one; 0, or how many ms until there is one."""
        full_ms = max(self._full_ms.get(name, 0), now_ms)
        wait_ms = full_ms + rate.every_ms - now_ms - rate.burst * rate.every_ms
        if wait_ms > 0:
            return wait_ms
        self._full_ms[name] = full_ms + rate.every_ms
        self._full_ms.move_to_end(name)
        if len(self._full_ms) > self._most:
            self._full_ms.popitem(last=False)
        return 0

    def give_back(self, name: str, rate: Rate) -> None:
        """One that was taken and not needed."""
        if name in self._full_ms:
            self._full_ms[name] -= rate.every_ms

    def refill(self, name: str) -> None:
        """Forget everything that was taken."""
        self._full_ms.pop(name, None)


class Limits:
    """Attempts to prove who one is."""

    def __init__(self) -> None:
        self._logins = Buckets()
        self._addresses = Buckets()

    def attempt(self, login: str, remote: str, now_ms: int) -> None:
        """One attempt for this login, which there may be or not, from that address. Raises `TooOftenError`."""
        network, rate = network_of(remote)
        wait_ms = self._addresses.take(network, rate, now_ms)
        if not wait_ms:
            wait_ms = self._logins.take(login, LOGIN, now_ms)
        if wait_ms:
            raise TooOftenError(-(-wait_ms // 1000))

    def passed(self, login: str, remote: str) -> None:
        """It was her: what she mistyped before is forgotten, and the address pays for failures only."""
        network, rate = network_of(remote)
        self._logins.refill(login)
        self._addresses.give_back(network, rate)


def network_of(remote: str) -> tuple[str, Rate]:
    """What an address counts as, and its rate: of IPv6 the /64 that one customer gets (RFC 6177, section 2)."""
    try:
        address = ipaddress.ip_address(remote.partition("%")[0])
    except ValueError:  # a Unix socket's peer has none
        return "", LOOPBACK
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_loopback:
        return "loopback", LOOPBACK
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False)), ADDRESS
    return str(address), ADDRESS
