"""How often somebody may try a code, from one address and all together. A right one costs nothing."""

from typing import Final

from push.access.limits import Buckets, Rate, network_of

EVERYBODY: Final = Rate(300, 200)
"""A chain that enrols a shipment, and no more guesses a day than half a million: of 2^80 codes."""
_ALL: Final = ""


class TooManyError(Exception):
    """Too many attempts failed: another in `after_s`."""

    def __init__(self, after_s: int) -> None:
        super().__init__(f"too many attempts: try again in {after_s} s")
        self.after_s = after_s


class CodeLimits:
    """Attempts with codes, by whom; bounded in memory."""

    def __init__(self) -> None:
        self._each = Buckets()
        self._all = Buckets(1)

    def attempt(self, remote: str, now_ms: int) -> None:
        """One attempt from an address, or of anybody else who is named. Raises `TooManyError`."""
        name, rate = network_of(remote)
        wait_ms = self._each.take(name or remote, rate, now_ms)
        if not wait_ms:
            wait_ms = self._all.take(_ALL, EVERYBODY, now_ms)
        if wait_ms:
            raise TooManyError(-(-wait_ms // 1000))

    def passed(self, remote: str) -> None:
        """The code was right."""
        name, rate = network_of(remote)
        self._each.give_back(name or remote, rate)
        self._all.give_back(_ALL, EVERYBODY)
