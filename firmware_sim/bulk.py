"""A store's air without anybody who waits for it: the same firmware and the same physics, in columns.

transmitters ─firmware, one after the other─▶ Sent, in order of time ─Radio's physics, many at once─▶ Received

`world.World` lets things happen as time passes, packet by packet; where a whole day can be known beforehand, this takes
a sixth of its time. Only fixed receivers listen.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from firmware_sim.floor import Floor, muffled_db
from firmware_sim.radio import BIT_US, CHANNELS, OVERHEAD_BYTES, RETUNE_US, SPAN_US, Floats, Ints, Radio
from firmware_sim.walkers import Walker
from firmware_sim.world import CARRIED_Z_M, Carrier, Transmitter, fixed_receivers, transmitters

CHUNK: Final = 10_000
"""Emissions looked at together: their links to a dozen receivers take some 50 MB."""

Bools = npt.NDArray[np.bool_]


class Sent(NamedTuple):
    """Advertising events in order of time, columns of one length n: `payload` is an index into `payloads`.

    `place_m` is (n, 3); `heading_rad` NaN for what is mounted.
    """

    at_us: Ints
    payload: Ints
    airtime_us: Ints
    power_1m_dbm: Floats
    place_m: Floats
    heading_rad: Floats

    def cut(self, rows: Ints | slice) -> "Sent":
        """Those rows, in that order."""
        columns = (self.at_us[rows], self.payload[rows], self.airtime_us[rows])
        return Sent(*columns, self.power_1m_dbm[rows], self.place_m[rows], self.heading_rad[rows])


class Received(NamedTuple):
    """Packets that came through, in order of time: columns of one length; `payload` as in `Sent`."""

    at_ms: Ints
    receiver: Ints
    payload: Ints
    rssi_dbm: Ints


def on_air(
    floor: Floor, carriers: Sequence[Carrier], start_ms: int, until_ms: int, seed: int
) -> tuple[Received, list[bytes]]:
    """What a floor's gateways hear from then until then, and the payloads of it."""
    payloads: dict[bytes, int] = {}
    several = [_sent(floor, one, start_ms, until_ms, payloads) for one in transmitters(floor, carriers, start_ms, seed)]
    together = Sent(*(np.concatenate(column) for column in zip(*several, strict=True)))
    sent = together.cut(np.argsort(together.at_us, kind="stable"))
    radio = Radio(fixed_receivers(floor), seed)
    heard = [_received(radio, sent.cut(slice(first, last))) for first, last in _chunks(sent.at_us)]
    return Received(*(np.concatenate(column) for column in zip(*heard, strict=True))), list(payloads)


def _sent(floor: Floor, sender: Transmitter, start_ms: int, until_ms: int, payloads: dict[bytes, int]) -> Sent:
    """All that one transmitter sends while it is there."""
    walker = sender.walker
    first_ms, last_ms = (start_ms, until_ms) if walker is None else (max(start_ms, walker.from_ms), walker.until_ms)
    end_us = min(last_ms, until_ms) * 1000
    at_us, payload, airtime_us = [], [], []
    said = sender.firmware.next_after(first_ms * 1000)
    while said is not None and said.at_us <= end_us:
        at_us.append(said.at_us)
        payload.append(payloads.setdefault(said.payload, len(payloads)))
        airtime_us.append((OVERHEAD_BYTES + len(said.payload)) * 8 * BIT_US)
        said = sender.firmware.next_after(said.at_us + 1)
    when = np.array(at_us, dtype=np.int64)
    place_m, heading_rad = _mounted(sender, len(when)) if walker is None else _walked(walker, when)
    power = np.full(len(when), sender.power_1m_dbm)
    if floor.deaf_spots:
        power -= [muffled_db(floor, (x, y)) for x, y in place_m[:, :2].tolist()]
    columns = (np.array(payload, dtype=np.int64), np.array(airtime_us, dtype=np.int64))
    return Sent(when, *columns, power, place_m, heading_rad)


def _mounted(sender: Transmitter, count: int) -> tuple[Floats, Floats]:
    return np.tile(np.array(sender.place), (count, 1)), np.full(count, np.nan)


def _walked(walker: Walker, at_us: Ints) -> tuple[Floats, Floats]:
    """Where she is and faces, as `walkers.pose` has it; standing, she goes on facing the way that she came."""
    steps = np.array(walker.track, dtype=np.float64)
    when_ms = at_us / 1000
    x_m, y_m = (np.interp(when_ms, steps[:, 0], steps[:, axis]) for axis in (1, 2))
    dx, dy = np.diff(steps[:, 1]), np.diff(steps[:, 2])
    moved = np.maximum.accumulate(np.where((dx != 0) | (dy != 0), np.arange(len(dx)), -1))
    leg = np.clip(np.searchsorted(steps[:, 0], when_ms, side="right") - 1, 0, len(dx) - 1)
    came = moved[leg]
    heading = np.where(came >= 0, np.arctan2(dy, dx)[came], np.pi / 2)  # who never moved came northwards, by the door
    return np.stack([x_m, y_m, np.full(len(when_ms), CARRIED_Z_M)], axis=1), heading


def _chunks(at_us: Ints) -> Iterator[tuple[int, int]]:
    """Stretches of about `CHUNK` emissions, parted where nothing overlaps."""
    gaps = np.flatnonzero(np.diff(at_us) > SPAN_US) + 1
    first = 0
    while first < len(at_us):
        after = gaps[np.searchsorted(gaps, first + CHUNK) :]
        last = int(after[0]) if len(after) else len(at_us)
        yield first, last
        first = last


def _received(radio: Radio, sent: Sent) -> Received:
    starts_us = sent.at_us[:, None] + np.arange(CHANNELS) * (sent.airtime_us + RETUNE_US)[:, None]
    power_dbm = radio.levels_dbm(sent.power_1m_dbm, sent.place_m, sent.heading_rad)[..., None]
    power_dbm = power_dbm + radio.fading_db(len(sent.at_us))
    channel = radio.listening(starts_us, sent.airtime_us)
    own_dbm = np.take_along_axis(power_dbm, np.maximum(channel, 0)[..., None], axis=2)[..., 0]
    comes = (channel >= 0) & (own_dbm >= radio.settings.sensitivity_dbm)
    with np.errstate(divide="ignore"):
        noise_dbm = 10 * np.log10(_noise_mw(sent, starts_us, power_dbm, channel))
    comes &= own_dbm - noise_dbm >= radio.settings.capture_db
    row, receiver = np.nonzero(comes)
    ended_us = starts_us[row, channel[row, receiver]] + sent.airtime_us[row]
    rssi_dbm = np.clip(np.rint(own_dbm[row, receiver]), -127, 20).astype(np.int64)
    return Received(ended_us // 1000, receiver, sent.payload[row], rssi_dbm)


def _noise_mw(sent: Sent, starts_us: Ints, power_dbm: Floats, channel: Ints) -> Floats:
    """Power of everything else on a packet's channel while it lasts, (n, receivers)."""
    noise_mw = np.zeros(channel.shape)
    apart, n = 1, len(sent.at_us)
    while apart < n and (sent.at_us[apart:] - sent.at_us[:-apart] <= SPAN_US).any():
        early, late = slice(None, -apart), slice(apart, None)
        overlap = starts_us[late] < starts_us[early] + sent.airtime_us[early, None]
        overlap &= starts_us[early] < starts_us[late] + sent.airtime_us[late, None]
        for mine, other in ((early, late), (late, early)):
            noise_mw[mine] += _leak_mw(overlap, power_dbm[other], channel[mine])
        apart += 1
    return noise_mw


def _leak_mw(overlap: Bools, other_dbm: Floats, channel: Ints) -> Floats:
    """What another emission puts on the channel of mine: none where they do not overlap, (n, receivers)."""
    at = np.maximum(channel, 0)
    meets = np.take_along_axis(overlap, at, axis=1) & (channel >= 0)
    leak: Floats = np.where(meets, 10 ** (np.take_along_axis(other_dbm, at[..., None], axis=2)[..., 0] / 10), 0.0)
    return leak
