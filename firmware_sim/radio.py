"""The air between transmitters and receivers on the three advertising channels, packet by packet.

Emission ─path loss, shadowing, body, fading─▶ power at every receiver ─scan window, overlap─▶ Heard

An emission stays in the air until nothing can begin that overlaps it; then each receiver either got it
or not. The same seed and the same emissions give the same receptions.
"""

import heapq
import math
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CHANNELS: Final = 3
"""The primary advertising channels 37, 38, 39 (Core 5.4, Vol 6, Part B, 1.4.1)."""
OVERHEAD_BYTES: Final = 16
"""Preamble 1, access address 4, header 2, advertiser's address 6, CRC 3 (Vol 6, Part B, 2.1 and 2.3.1)."""
BIT_US: Final = 1
"""LE 1M: one bit a microsecond (Vol 6, Part A, 1)."""
RETUNE_US: Final = 150
"""Between the channels of one event: as long as T_IFS, in which a radio can retune (Vol 6, Part B, 4.1.1)."""
LONGEST_US: Final = (OVERHEAD_BYTES + 31) * 8 * BIT_US
SPAN_US: Final = CHANNELS * LONGEST_US + (CHANNELS - 1) * RETUNE_US
"""From the start of an advertising event to the end of its last packet, at most."""
WAVES: Final = 24
"""Cosines in one shadowing field: enough for a Gaussian look (central limit), few enough to be cheap."""


class RadioSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The physics, each number with its source.

    exponent 2.2: retail stores (Rappaport, Wireless Communications, table of indoor exponents, n = 2.2).
    shadowing_db 4: the same table's total spread is 8.7 dB; body and fading below make the rest of it.
    shadowing_m 1.5: distance at which shadowing decorrelates to 1/e (exponential: Gudmundson 1991); indoors
        it is the size of shelves and people.
    rician_k_db 6: packets of a still beacon then spread by 3-4 dB over the channels, as scanners show.
    body_db 10: a body between; full-wave models and measurements at 2.4 GHz give 5-20 dB (for example
        Januszkiewicz, Sensors 2018, 18, 3412).
    sensitivity_dbm -97: typical for LE 1M receivers (Microchip WBZ and TI CC26xx data sheets).
    capture_db 14: co-channel C/I of such a receiver (Microchip data sheets, BTRX3; the Core asks for 21 or better).
    nearest_m 0.3: about two wavelengths; below it the log-distance law says nothing.
    """

    exponent: float = 2.2
    shadowing_db: float = 4.0
    shadowing_m: float = 1.5
    rician_k_db: float = 6.0
    body_db: float = 10.0
    sensitivity_dbm: float = -97.0
    capture_db: float = 14.0
    nearest_m: float = 0.3


class Scanning(msgspec.Struct, frozen=True, kw_only=True):
    """A receiver's scan: listens on one channel for the window, in every interval on the next channel.

    11.25 of 11.25 ms is what Linux asks for in discovery (DISCOV_LE_SCAN_WIN and _INT in hci_core.h).
    """

    window_us: int = 11_250
    interval_us: int = 11_250


class Receiver(msgspec.Struct, frozen=True, kw_only=True):
    """Something that listens. A carried one is moved with `Radio.move` and has its carrier's body beside it."""

    id: str
    x_m: float = 0.0
    y_m: float = 0.0
    z_m: float = 1.0
    offset_db: float = 0.0
    carried: bool = False
    scanning: Scanning = Scanning()


class Emission(NamedTuple):
    """One advertising event: the same payload on the three channels, from a place, perhaps from a body."""

    at_us: int
    source: str
    address: str
    payload: bytes
    power_1m_dbm: float
    x_m: float
    y_m: float
    z_m: float
    heading_rad: float | None = None


class Heard(NamedTuple):
    """What one receiver's controller reports of one packet."""

    receiver: str
    address: str
    rssi_dbm: int
    payload: bytes
    at_ms: int


class Reception(NamedTuple):
    """A packet received, in order of its end, with the truth that no receiver knows: who sent it."""

    at_us: int
    order: int
    source: str
    heard: Heard


class _Airborne(NamedTuple):
    emission: Emission
    starts_us: tuple[int, ...]
    airtime_us: int
    power_dbm: Floats  # (receivers, channels)


class Radio:
    """The air of one place. Feed emissions in order of time with `send`, take receptions with `settle`."""

    def __init__(self, receivers: Sequence[Receiver], seed: int, settings: RadioSettings | None = None) -> None:
        self.settings = settings or RadioSettings()
        self.receivers = tuple(receivers)
        self.collisions = 0
        self._rng = np.random.default_rng((seed, 0x4C))
        self._place(len(self.receivers))
        self._air: deque[_Airborne] = deque()
        self._done: deque[_Airborne] = deque()
        self._ready: list[Reception] = []
        self._order = 0

    def _place(self, n: int) -> None:
        at = [(r.x_m, r.y_m, r.z_m) for r in self.receivers]
        self._at_m: Floats = np.array(at, dtype=np.float64).reshape(n, 3)
        self._offset_db: Floats = np.array([r.offset_db for r in self.receivers], dtype=np.float64)
        self._present = np.array([not r.carried for r in self.receivers], dtype=bool)
        self._body_db: Floats = np.array([self.settings.body_db * r.carried for r in self.receivers], dtype=np.float64)
        self._facing: Floats = np.zeros((n, 2))
        self._window_us: Ints = np.array([r.scanning.window_us for r in self.receivers], dtype=np.int64)
        self._interval_us: Ints = np.array([r.scanning.interval_us for r in self.receivers], dtype=np.int64)
        self._phase_us: Ints = self._rng.integers(0, 3 * self._interval_us, n, dtype=np.int64)
        self._wave, self._wave_phase = self._fields(n)

    def _fields(self, n: int) -> tuple[Floats, Floats]:
        """Random cosines whose sum is a field with correlation exp(-d / shadowing_m) (its spectrum is a 2-D Cauchy)."""
        waves = self._rng.standard_normal((n, WAVES, 2)) / self.settings.shadowing_m
        waves /= np.abs(self._rng.standard_normal((n, WAVES, 1)))
        return waves, self._rng.uniform(0, 2 * math.pi, (n, WAVES))

    def move(self, index: int, x_m: float, y_m: float, heading_rad: float, muffled_db: float = 0.0) -> None:
        """Put a carried receiver somewhere, facing somewhere, perhaps muffled; it listens from now on."""
        self._offset_db[index] = self.receivers[index].offset_db - muffled_db
        self._at_m[index, :2] = x_m, y_m
        self._facing[index] = math.cos(heading_rad), math.sin(heading_rad)
        self._present[index] = True

    def remove(self, index: int) -> None:
        """A carried receiver is out of range or switched off."""
        self._present[index] = False

    def send(self, emission: Emission) -> None:
        """An advertising event begins; not earlier than the one before."""
        airtime_us = (OVERHEAD_BYTES + len(emission.payload)) * 8 * BIT_US
        starts = tuple(emission.at_us + c * (airtime_us + RETUNE_US) for c in range(CHANNELS))
        power = self.local_dbm(emission)[:, None] + self.fading_db()
        self._air.append(_Airborne(emission, starts, airtime_us, power))

    def settle(self, until_us: int) -> Iterator[Reception]:
        """All receptions that end before `until_us` and that no emission from then on can change, in order."""
        while self._air and self._air[0].emission.at_us + SPAN_US < until_us:
            self._receive(self._air.popleft())
        horizon_us = self._air[0].emission.at_us if self._air else until_us
        while self._ready and self._ready[0].at_us < horizon_us:
            yield heapq.heappop(self._ready)

    def local_dbm(self, emission: Emission) -> Floats:
        """Power at each receiver without small-scale fading, shape (receivers,)."""
        place = np.array((emission.x_m, emission.y_m, emission.z_m))
        heading = math.nan if emission.heading_rad is None else emission.heading_rad
        return self.levels_dbm(np.array(emission.power_1m_dbm), place, np.array(heading))

    def levels_dbm(self, power_1m_dbm: Floats, place_m: Floats, heading_rad: Floats) -> Floats:
        """The same of any number of emissions: (..., receivers).

        `power_1m_dbm` is (...), `place_m` (..., 3), `heading_rad` (...), NaN for what is on nobody's body.
        """
        s = self.settings
        off = self._at_m - place_m[..., None, :]
        flat_m = np.sqrt(off[..., 0] ** 2 + off[..., 1] ** 2)
        far_m = np.maximum(np.sqrt(flat_m**2 + off[..., 2] ** 2), s.nearest_m)
        loss = 10 * s.exponent * np.log10(far_m) + self._bodies_db(off[..., :2], flat_m, heading_rad)
        power: Floats = power_1m_dbm[..., None] + self._offset_db - loss + self._shadow_db(off[..., :2])
        return power

    def _shadow_db(self, off_m: Floats) -> Floats:
        field = np.cos(np.einsum("rwk,...rk->...rw", self._wave, off_m) + self._wave_phase).sum(axis=-1)
        shadow: Floats = self.settings.shadowing_db * math.sqrt(2 / WAVES) * field
        return shadow

    def _bodies_db(self, off_m: Floats, flat_m: Floats, heading_rad: Floats) -> Floats:
        """Loss in the bodies that carry transmitter and receiver: none in front, all of it behind."""
        toward = off_m / np.maximum(flat_m, self.settings.nearest_m)[..., None]
        loss: Floats = self._body_db * (1 + np.einsum("rk,...rk->...r", self._facing, toward)) / 2
        facing = np.stack([np.cos(heading_rad), np.sin(heading_rad)], axis=-1)
        ahead = np.einsum("...k,...rk->...r", facing, toward)
        return loss + np.where(np.isnan(ahead), 0.0, self.settings.body_db * (1 - ahead) / 2)

    def fading_db(self, *shape: int) -> Floats:
        """Rician power gain, mean 0 dB, (*shape, receivers, channels).

        Independent per receiver and channel: they are 24 to 78 MHz apart.
        """
        k = 10 ** (self.settings.rician_k_db / 10)
        draws = self._rng.standard_normal((2, *shape, len(self.receivers), CHANNELS)) * math.sqrt(0.5 / (k + 1))
        draws[0] += math.sqrt(k / (k + 1))
        gain: Floats = 10 * np.log10((draws**2).sum(axis=0))
        return gain

    def _receive(self, air: _Airborne) -> None:
        self._done.append(air)
        while self._done[0].emission.at_us + SPAN_US < air.emission.at_us:
            self._done.popleft()
        channel = self.listening(np.array(air.starts_us), np.array(air.airtime_us))
        index = np.flatnonzero(channel >= 0)
        power = air.power_dbm[index, channel[index]]
        for r in index[power >= self.settings.sensitivity_dbm]:
            self._report(air, int(r), int(channel[r]))

    def listening(self, starts_us: Ints, airtime_us: Ints) -> Ints:
        """The channel on which each receiver listens throughout one of an emission's three packets; -1 for none.

        `starts_us` is (..., channels), `airtime_us` (...), the answer (..., receivers).
        """
        since = starts_us[..., None, :] - self._phase_us[:, None]
        slot, into = np.divmod(since, self._interval_us[:, None])
        ends_in = into + airtime_us[..., None, None] <= self._window_us[:, None]
        caught = (slot % CHANNELS == np.arange(CHANNELS)) & ends_in
        return np.where(self._present & caught.any(axis=-1), caught.argmax(axis=-1), -1)

    def _report(self, air: _Airborne, r: int, channel: int) -> None:
        power_dbm = float(air.power_dbm[r, channel])
        noise_mw = self._interference_mw(air, r, channel)
        if noise_mw and power_dbm - 10 * math.log10(noise_mw) < self.settings.capture_db:
            self.collisions += 1
            return
        e = air.emission
        ended_us = air.starts_us[channel] + air.airtime_us
        heard = Heard(
            self.receivers[r].id, e.address, max(-127, min(20, round(power_dbm))), e.payload, ended_us // 1000
        )
        self._order += 1
        heapq.heappush(self._ready, Reception(ended_us, self._order, e.source, heard))

    def _interference_mw(self, air: _Airborne, r: int, channel: int) -> float:
        """Power of everything else on this channel at this receiver while the packet lasts."""
        start, end = air.starts_us[channel], air.starts_us[channel] + air.airtime_us
        return sum(
            10 ** (float(other.power_dbm[r, channel]) / 10)
            for others in (self._done, self._air)
            for other in others
            if other is not air
            and other.starts_us[channel] < end
            and start < other.starts_us[channel] + other.airtime_us
        )
