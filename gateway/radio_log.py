"""What the scanner said of itself, and how much was heard lately: the radio's part of the status."""

from collections import deque
from typing import Final, Literal, NamedTuple

from beacons.wire import RadioStatus
from gateway.settings import ScanSettings

_State = Literal["starting", "listening", "waiting", "failed"]

_STATES: Final[dict[str, _State]] = {
    "started": "listening",
    "lost": "waiting",
    "waiting": "waiting",
    "failed": "failed",
}
"""What each report of `gateway.radio.Radio` that changes it means; the others tell of remedies."""
_WHY_CHARACTERS: Final = 200
RATE_MS: Final = 60_000


class Heard(NamedTuple):
    """Totals since the start, and when the last advert came, on the boot clock."""

    adverts: int
    beacons: int
    last_ms: int | None


class Rate:
    """Adverts and beacons per second over about the last minute, from totals taken now and then."""

    def __init__(self, now_ms: int) -> None:
        self._taken: deque[tuple[int, Heard]] = deque([(now_ms, Heard(0, 0, None))])

    def per_s(self, now_ms: int, heard: Heard) -> tuple[float, float]:
        """Between the newest taking that is a minute old (or else the oldest) and now."""
        while len(self._taken) > 1 and now_ms - self._taken[1][0] >= RATE_MS:
            self._taken.popleft()
        then_ms, then = self._taken[0]
        if now_ms - self._taken[-1][0] >= RATE_MS // 10:  # so that few are kept, however often we are asked
            self._taken.append((now_ms, heard))
        seconds = max(1, now_ms - then_ms) / 1000
        return round((heard.adverts - then.adverts) / seconds, 2), round((heard.beacons - then.beacons) / seconds, 2)


class RadioLog:
    """Keeps what the scanner's reports amount to; times are on the boot clock."""

    def __init__(self, now_ms: int) -> None:
        self.state: _State = "starting"
        self._why = ""
        self._about: dict[str, object] = {}
        self._starts = 0
        self._rate = Rate(now_ms)

    def said(self, event: str, particulars: dict[str, object]) -> bool:
        """Take in a report; whether the state is another one now."""
        state = _STATES.get(event)
        if state is None:
            return False
        before, self.state = (self.state, self._why), state
        self._why = str(particulars.get("why", ""))[:_WHY_CHARACTERS]
        if state == "listening":
            self._starts += 1
            self._about = particulars
        return before != (self.state, self._why)

    def status(self, scan: ScanSettings, heard: Heard, now_ms: int) -> RadioStatus:
        """The radio as of now."""
        adverts_per_s, beacons_per_s = self._rate.per_s(now_ms, heard)
        return RadioStatus(
            state=self.state,
            why=self._why,
            adapter=scan.adapter if scan.backend == "bleak" else scan.backend[:_WHY_CHARACTERS],
            address=_text(self._about.get("address")),
            bluez=_text(self._about.get("bluez")),
            mode=scan.mode,
            starts=self._starts,
            silent_s=None if heard.last_ms is None else max(0, now_ms - heard.last_ms) // 1000,
            adverts_per_s=adverts_per_s,
            beacons_per_s=beacons_per_s,
        )


def _text(value: object) -> str | None:
    return value[:_WHY_CHARACTERS] if isinstance(value, str) and value else None
