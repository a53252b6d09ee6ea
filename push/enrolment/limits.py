"""How often somebody may try a code. A right one costs nothing.

Each has a bucket of her own and nobody shares one with all: who guesses would else lock everybody out, and a code of 80
bits is found by nobody, from however many addresses.
"""

from typing import Final, NamedTuple

from push.access.limits import Buckets, Rate, network_of

PERSON: Final = Rate(20, 10_000)
"""Somebody at a till who mistypes: twenty at once, and then one in ten seconds."""
DEVICE: Final = Rate(10, 60_000)
"""A person who mistypes what is on her card."""
TILL: Final = Rate(60, 1_000)
"""A chain's tills behind one token."""


class Who(NamedTuple):
    """Who tries, and how often she may."""

    name: str
    rate: Rate


def at_address(remote: str) -> Who:
    """Whoever is at an address."""
    return Who(*network_of(remote))


class TooManyError(Exception):
    """Too many attempts failed: another in `after_s`."""

    def __init__(self, after_s: int) -> None:
        super().__init__(f"too many attempts: try again in {after_s} s")
        self.after_s = after_s


class CodeLimits:
    """Attempts with codes, by whom; bounded in memory."""

    def __init__(self) -> None:
        self._each = Buckets()

    def attempt(self, who: Who, now_ms: int) -> None:
        """One attempt of somebody. Raises `TooManyError`."""
        wait_ms = self._each.take(who.name, who.rate, now_ms)
        if wait_ms:
            raise TooManyError(-(-wait_ms // 1000))

    def passed(self, who: Who) -> None:
        """The code was right."""
        self._each.give_back(who.name, who.rate)
