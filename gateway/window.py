"""The window: many packets of one beacon become one Sighting, soon if it is news, rarely if it is not.

A beacon not seen lately is reported after `company_ms`, together with all others that turned up
meanwhile. A known one is looked at every `changing_ms` while it is heard: if its median RSSI moved
it is reported for that time, otherwise its packets wait, until `steady_ms` after its last report.
"""

from typing import Final, NamedTuple

from beacons.columns import POWER_UNKNOWN_DBM, Sighting

RSSI_UNKNOWN_DBM: Final = 127
"""What controllers report without a measurement (Core 5.4, Vol 4 Part E 7.7.65.2)."""
CHANGED_DB: Final = 2
"""A median of ten packets of a beacon at rest moves by 1 to 2 dB (4 to 6 dB for one packet). With 3 dB a third less is
said, and who walks is heard of a second later: one step is 2 dB."""
MAX_TRACKED: Final = 20_000
"""Ids kept at once, about 500 bytes each: far beyond a full store, well within a small box."""
_MAX_PACKETS: Final = 0xFFFF
"""What the wire's packet column holds."""


class WindowTimes(NamedTuple):
    """When sightings are reported, in ms; `GatewayConfig` documents each."""

    company_ms: int = 80
    changing_ms: int = 1000
    steady_ms: int = 5000
    forget_ms: int = 15_000


class _Heard:
    """Packets of one beacon over some time; RSSI as a histogram, so that a flood stays small."""

    __slots__ = ("first_ms", "last_ms", "packets", "rssi")

    def __init__(self, heard_ms: int) -> None:
        self.first_ms = heard_ms
        self.last_ms = heard_ms
        self.packets = 0
        self.rssi: dict[int, int] = {}

    def add(self, rssi_dbm: int, heard_ms: int) -> None:
        self.packets += 1
        self.rssi[rssi_dbm] = self.rssi.get(rssi_dbm, 0) + 1
        if heard_ms > self.last_ms:
            self.last_ms = heard_ms
        elif heard_ms < self.first_ms:
            self.first_ms = heard_ms

    def absorb(self, other: "_Heard") -> None:
        self.first_ms = min(self.first_ms, other.first_ms)
        self.last_ms = max(self.last_ms, other.last_ms)
        self.packets += other.packets
        for rssi_dbm, count in other.rssi.items():
            self.rssi[rssi_dbm] = self.rssi.get(rssi_dbm, 0) + count

    def median_dbm(self) -> int:
        """The lower median."""
        left = (self.packets + 1) // 2
        for rssi_dbm in sorted(self.rssi):
            left -= self.rssi[rssi_dbm]
            if left <= 0:
                return rssi_dbm
        return -128  # pragma: no cover - there is a packet in everything heard


class _Track:
    """What is known of one id: when it was last heard and said, and what is still unsaid."""

    __slots__ = ("fresh", "last_ms", "now", "power_1m_dbm", "quiet", "said_dbm", "said_ms")

    def __init__(self, heard_ms: int) -> None:
        self.fresh = True
        self.last_ms = heard_ms
        self.now: _Heard | None = None
        self.quiet: _Heard | None = None
        self.power_1m_dbm = POWER_UNKNOWN_DBM
        self.said_ms = heard_ms
        self.said_dbm = 0


_Key = tuple[int, bytes]


class Window:
    """Sightings in the making, at most `MAX_TRACKED` ids; pure: time comes with each call.

    `dropped` counts packets of ids beyond that bound. All times are on the boot clock, in ms.
    """

    def __init__(self, times: WindowTimes | None = None, max_tracked: int = MAX_TRACKED) -> None:
        self.times = times or WindowTimes()
        self.dropped = 0
        self._max_tracked = max_tracked
        self._tracks: dict[_Key, _Track] = {}
        self._fresh: dict[_Key, _Track] = {}
        self._heard: dict[_Key, _Track] = {}
        self._fresh_due_ms: int | None = None
        self._look_due_ms: int | None = None
        self._sweep_ms = 0

    def __len__(self) -> int:
        """How many ids are tracked."""
        return len(self._tracks)

    def add(self, kind: int, beacon_id: bytes, rssi_dbm: int, power_1m_dbm: int, heard_ms: int) -> bool:
        """One packet. True where `due_ms` moved, so that whoever waits for it must look again."""
        if rssi_dbm >= RSSI_UNKNOWN_DBM:
            return False
        key = (kind, beacon_id)
        track = self._tracks.get(key)
        if track is None:
            track = self._admit(key, heard_ms)
            if track is None:
                return False
        elif heard_ms - track.last_ms >= self.times.forget_ms and not track.fresh:
            self._renew(key, track)
        track.power_1m_dbm = power_1m_dbm
        if heard_ms > track.last_ms:  # noqa: PLR1730 - max() takes three times as long
            track.last_ms = heard_ms
        if track.now is not None:  # so it has its place in the plan
            track.now.add(rssi_dbm, heard_ms)
            return False
        track.now = _Heard(heard_ms)
        track.now.add(rssi_dbm, heard_ms)
        return self._plan(key, track, heard_ms)

    def due_ms(self) -> int | None:
        """When `take` will next have something to look at; None while nothing is pending."""
        if self._fresh_due_ms is None or self._look_due_ms is None:
            return self._look_due_ms if self._fresh_due_ms is None else self._fresh_due_ms
        return min(self._fresh_due_ms, self._look_due_ms)

    def take(self, now_ms: int) -> list[Sighting]:
        """What is to be reported at `now_ms`."""
        out: list[Sighting] = []
        if self._fresh_due_ms is not None and now_ms >= self._fresh_due_ms:
            self._take_fresh(now_ms, out)
        if self._look_due_ms is not None and now_ms >= self._look_due_ms:
            self._look(now_ms, out)
        self._sweep(now_ms)
        return out

    def flush(self, now_ms: int) -> list[Sighting]:
        """Everything still unsaid, for a stop."""
        out: list[Sighting] = []
        self._take_fresh(now_ms, out)
        for (kind, beacon_id), track in self._heard.items():
            _rest(track)
            out.append(_say(kind, beacon_id, track, now_ms))
        self._heard.clear()
        self._look_due_ms = None
        return out

    def _admit(self, key: _Key, heard_ms: int) -> _Track | None:
        if len(self._tracks) >= self._max_tracked:
            self._sweep(heard_ms)
            if len(self._tracks) >= self._max_tracked:
                self.dropped += 1
                return None
        track = self._tracks[key] = _Track(heard_ms)
        return track

    def _renew(self, key: _Key, track: _Track) -> None:
        """A beacon that was away: what it left unsaid repeats its last report, and is too old to mix with news."""
        self._heard.pop(key, None)
        track.now = track.quiet = None
        track.fresh = True

    def _plan(self, key: _Key, track: _Track, heard_ms: int) -> bool:
        if track.fresh:
            self._fresh[key] = track
            if self._fresh_due_ms is None:
                self._fresh_due_ms = heard_ms + self.times.company_ms
                return True
            return False
        self._heard[key] = track
        if self._look_due_ms is None:
            self._look_due_ms = heard_ms + self.times.changing_ms
            return True
        return False

    def _take_fresh(self, now_ms: int, out: list[Sighting]) -> None:
        for (kind, beacon_id), track in self._fresh.items():
            out.append(_say(kind, beacon_id, track, now_ms))
        self._fresh.clear()
        self._fresh_due_ms = None

    def _look(self, now_ms: int, out: list[Sighting]) -> None:
        """Report known beacons that moved or are due for it; the others stay for the next look."""
        waiting: dict[_Key, _Track] = {}
        for key, track in self._heard.items():
            if self._is_due(track, now_ms):
                out.append(_say(*key, track, now_ms))
            else:
                waiting[key] = track
        self._heard = waiting
        self._look_due_ms = now_ms + self.times.changing_ms if waiting else None

    def _is_due(self, track: _Track, now_ms: int) -> bool:
        if track.now is not None and abs(track.now.median_dbm() - track.said_dbm) >= CHANGED_DB:
            track.quiet = None
            return True
        _rest(track)
        return now_ms - track.said_ms >= self.times.steady_ms

    def _sweep(self, now_ms: int) -> None:
        """Forget who has been away; at most once per half `forget_ms`, so that its cost stays small."""
        if now_ms < self._sweep_ms:
            return
        self._sweep_ms = now_ms + self.times.forget_ms // 2
        limit_ms = now_ms - self.times.forget_ms
        gone = [k for k, t in self._tracks.items() if t.last_ms < limit_ms and t.now is None and t.quiet is None]
        for key in gone:
            del self._tracks[key]


def _rest(track: _Track) -> None:
    """Put what was heard since the last look with what has been quiet before it."""
    if track.now is None:
        return
    if track.quiet is not None:
        track.now.absorb(track.quiet)
    track.quiet, track.now = track.now, None


def _say(kind: int, beacon_id: bytes, track: _Track, now_ms: int) -> Sighting:
    heard = track.now or track.quiet
    assert heard is not None  # noqa: S101 - only tracks that heard something are pending
    median_dbm = heard.median_dbm()
    track.fresh = False
    track.said_ms, track.said_dbm = now_ms, median_dbm
    track.now = track.quiet = None
    return Sighting(
        kind,
        beacon_id,
        heard.first_ms,
        heard.last_ms,
        max(heard.rssi),
        median_dbm,
        min(heard.packets, _MAX_PACKETS),
        track.power_1m_dbm,
    )
