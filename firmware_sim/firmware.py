"""The firmware of a beacon: what it says, and when, until its battery is empty.

Build ─clock, counter, battery─▶ Firmware ─next_after(t)─▶ Advertisement (whole AD bytes) ▶ radio

Frames take turns in the order of the build's pattern, so that one beacon can wake an app with an
iBeacon and prove its place with an EID. Nothing is drawn but the jitter: the same seed says the same.
"""

import hashlib
from typing import Final, NamedTuple

import msgspec
import numpy as np

from beacons import ad, eid, etlm
from beacons.frames import Eid, EncryptedTlm, Frame, Tlm, encode, nearest_temperature_c
from firmware_sim.battery import Battery, left_mv

ADV_DELAY_US: Final = 10_000
"""Each advertising event comes a pseudo-random 0-10 ms late (advDelay: Core 5.4, Vol 6, Part B, 4.4.2.2.1)."""
COUNTER_WRAP_S: Final = 2**32
UINT32: Final = 2**32
_STATIC: Final = 0xC0  # two top bits of a random static address (Vol 6, Part B, 1.3.2.1)
_TOP_BITS: Final = 0xC0


class Fixed(msgspec.Struct, frozen=True, tag="fixed"):
    """A turn with a frame that never changes."""

    frame: Frame


class Rotating(msgspec.Struct, frozen=True, tag="rotating"):
    """A turn with the EID of the moment; power at 0 m."""

    tx_power_dbm: int


class Telemetry(msgspec.Struct, frozen=True, tag="telemetry"):
    """A turn with telemetry; encrypted where the build has an identity key."""

    temperature_c: float = 21.5


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """A beacon as configured. Its clock read `counter_s` at `counter_at_ms` and runs fast by `drift_ppm`.

    interval_ms 200 is a common trade of latency for battery; the specification allows 20 ms to 10.24 s
    (Vol 6, Part B, 4.4.2.2). `power_1m_dbm` is what is really radiated, whatever the frames claim. Without a
    battery (None) it runs on mains or is charged, and telemetry says 0 mV.
    """

    pattern: tuple[Fixed | Rotating | Telemetry, ...]
    interval_ms: float = 200.0
    power_1m_dbm: float = -59.0
    identity_key: bytes = b""
    exponent: int = 0
    counter_s: int = 0
    counter_at_ms: int = 0
    drift_ppm: float = 0.0
    battery: Battery | None = Battery()


class Advertisement(NamedTuple):
    """One advertising event of a beacon."""

    at_us: int
    address: str
    payload: bytes


class Firmware:
    """A running beacon, powered on at `boot_ms`. Times are UTC; the beacon's own clock may drift from it."""

    def __init__(self, build: Build, boot_ms: int, seed: int) -> None:
        self.build = build
        self._rng = np.random.default_rng((seed, 0xAD))
        self._secret = hashlib.blake2b(seed.to_bytes(16, "big", signed=True), digest_size=16).digest()
        self._boot_us = boot_ms * 1000
        self._lost_s = 0
        self._events = 0
        self._since_boot = 0
        self._window = -1
        self._eid = b""
        self._fixed = {i: _payload(turn.frame) for i, turn in enumerate(build.pattern) if isinstance(turn, Fixed)}
        self._next_us = self._boot_us + int(self._rng.uniform(0, build.interval_ms * 1000))

    def counter_s(self, at_us: int) -> int:
        """The beacon's own 32-bit clock of seconds at a time."""
        gone_us = at_us - self.build.counter_at_ms * 1000
        ticked_s = int(gone_us * (1 + self.build.drift_ppm * 1e-6) // 1_000_000)
        return (self.build.counter_s + ticked_s - self._lost_s) % COUNTER_WRAP_S

    def battery_mv(self, at_us: int) -> float:
        """The cell's voltage at a time; 0 where there is none."""
        if self.build.battery is None:
            return 0
        return left_mv(self.build.battery, self._events, (at_us - self._boot_us) / 1e6)

    def power_cycle(self, at_ms: int, lost_s: int) -> None:
        """Power goes and comes back: telemetry starts anew and the clock has stood still for `lost_s`."""
        self._boot_us = at_ms * 1000
        self._since_boot = 0
        self._lost_s += lost_s
        self._next_us = max(self._next_us, self._boot_us)

    def next_after(self, at_us: int) -> Advertisement | None:
        """The next advertisement at or after a time, None once the battery is empty; never an earlier one again.

        Time out of everybody's earshot is passed in one stride: its events are counted and paid for, not made.
        """
        self._stride(at_us)
        while self._next_us < at_us:
            self._tick()
        now_us = self._next_us
        if self._is_empty(now_us):
            return None
        address, payload = self._address(now_us), self._say(now_us)
        self._tick()
        return Advertisement(now_us, address, payload)

    def _is_empty(self, now_us: int) -> bool:
        battery = self.build.battery
        return battery is not None and self.battery_mv(now_us) <= battery.cutoff_mv

    def _tick(self) -> None:
        self._events += 1
        self._since_boot += 1
        self._next_us += int(self.build.interval_ms * 1000) + int(self._rng.integers(0, ADV_DELAY_US + 1))

    def _stride(self, at_us: int) -> None:
        mean_us = self.build.interval_ms * 1000 + ADV_DELAY_US / 2
        skipped = int((at_us - self._next_us) / mean_us) - 1
        if skipped > 0:
            self._events += skipped
            self._since_boot += skipped
            self._next_us += int(skipped * mean_us)

    def _turn(self) -> int:
        return self._events % len(self.build.pattern)

    def _say(self, now_us: int) -> bytes:
        turn = self.build.pattern[self._turn()]
        if isinstance(turn, Fixed):
            return self._fixed[self._turn()]
        if isinstance(turn, Rotating):
            return _payload(Eid(turn.tx_power_dbm, self._current_eid(now_us)))
        return _payload(self._telemetry(turn, now_us))

    def _current_eid(self, now_us: int) -> bytes:
        window = self.counter_s(now_us) >> self.build.exponent
        if window != self._window:
            self._window = window
            self._eid = eid.compute(self.build.identity_key, self.build.exponent, window << self.build.exponent)
        return self._eid

    def _telemetry(self, turn: Telemetry, now_us: int) -> Tlm | EncryptedTlm:
        plain = Tlm(
            battery_mv=round(self.battery_mv(now_us)),
            temperature_c=nearest_temperature_c(turn.temperature_c),
            advertisements=self._since_boot % UINT32,
            uptime_ds=(now_us - self._boot_us) // 100_000 % UINT32,
        )
        if not self.build.identity_key:
            return plain
        salt = self._since_boot.to_bytes(8, "big")[-2:]  # never the same twice within a window of the clock
        return etlm.encrypt(self.build.identity_key, self.build.exponent, self.counter_s(now_us), salt, plain)

    def _address(self, now_us: int) -> str:
        """Random static; with a rotating identity private and non-resolvable, changing with it (1.3.2.2)."""
        rotating = bool(self.build.identity_key)
        window = self.counter_s(now_us) >> self.build.exponent if rotating else 0
        raw = bytearray(hashlib.blake2b(window.to_bytes(8, "big"), key=self._secret, digest_size=6).digest())
        raw[0] = raw[0] & ~_TOP_BITS | (0 if rotating else _STATIC)
        return ":".join(f"{byte:02X}" for byte in raw)


def _payload(frame: Frame) -> bytes:
    return ad.join(*encode(frame))
