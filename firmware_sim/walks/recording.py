"""A simulated store on the air, recorded once: every packet that its gateways pass on, beside where people truly were.

shoppers, staff, passers-by ─tags─▶ bulk (firmware, radio) ▶ decode ▶ the gateways' filter ▶ Packets

Everybody carries a tag, every tenth shopper two; those of staff are dropped by the filter. Fixtures pass: gateways
learn from them. What people's bodies block and how radio fades is `firmware_sim.radio`'s.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from beacons import ad
from beacons.frames import decode, identity
from beacons.ids import WIDTH, IdKind, padded
from beacons.registry import Beacon
from beacons.wire import GatewayConfig
from firmware_sim import builds
from firmware_sim.bulk import Received, on_air
from firmware_sim.floor import Floor
from firmware_sim.market import market
from firmware_sim.walkers import Habits, Step, Walker, arrivals, crowd
from firmware_sim.walks.files import Ints
from firmware_sim.walks.score import Bools
from firmware_sim.world import Carrier
from gateway.filter import Filter

START_MS: Final = 1_760_000_000_000
"""Where simulated time begins, so that the same seed gives the same run on any day."""
APPROACH_M: Final = 6.0
"""So far along the street shoppers are on the air before they come in, and after."""
TWO_TAGS_EVERY: Final = 10
A_STAFF: Final = 30
"""So many shoppers to one who works there."""
_STAFF_HABITS: Final = Habits(zones=(6, 6), stops=(4, 8), dwell_s=60.0, buys=0.0)
PASSERS_SHARE: Final = 0.25
"""For four who come in, one passes by."""
PASSER_M: Final = (-5.0, -2.0)
"""So far in front of the window (south of it) they walk."""
PASSER_REACH_M: Final = 10.0
"""From so far left of the store to so far right of it."""


class Who(NamedTuple):
    """The people of a run; `tags` says whose the numbers in `Packets.tag` are, by walker's id.

    Those who come `early`, while gateways still learn how they hear, are shoppers as well, but not judged. Numbers
    from `len(tags)` on are the floor's fixtures, in their order.
    """

    shoppers: tuple[Walker, ...]
    early: tuple[Walker, ...]
    staff: tuple[Walker, ...]
    passers: tuple[Walker, ...]
    tags: tuple[str, ...]


class Packets(NamedTuple):
    """What passed the gateways' filters, in order of time: columns of one length.

    `at_ms` in UTC ms, `gateway` the number of one of the floor's, `tag` of one of `Who.tags`.
    """

    at_ms: Ints
    gateway: npt.NDArray[np.int16]
    tag: npt.NDArray[np.int32]
    rssi_dbm: npt.NDArray[np.int16]

    def cut(self, mask: Bools) -> "Packets":
        """Those where `mask` is true."""
        return Packets(self.at_ms[mask], self.gateway[mask], self.tag[mask], self.rssi_dbm[mask])


class Recording(NamedTuple):
    """A run: `heard_packets` counts what gateways heard, whoever sent it; it ends at `until_ms`."""

    floor: Floor
    who: Who
    packets: Packets
    heard_packets: int
    until_ms: int


def tag_id(tag: int) -> bytes:
    """What a tag says: an Eddystone UID, 16 bytes."""
    return b"footfall-s" + tag.to_bytes(6, "big")


def record(people: int, minutes: float, warm_up_min: float, seed: int) -> Recording:
    """Let people come over a time, and wait until the last of them is gone. The same seed records the same.

    During the warm-up before it, others come at the same rate.
    """
    floor = market()
    early, shoppers = _shoppers(floor, people, minutes, warm_up_min, seed)
    coming = [*early, *shoppers]
    until_ms = max(walker.until_ms for walker in coming)
    staff = _named("staff", crowd(floor, [START_MS] * max(1, len(coming) // A_STAFF), seed + 1, _STAFF_HABITS))
    passers = _passers(floor, round(len(coming) * PASSERS_SHARE), _ms(minutes + warm_up_min), seed)
    carriers = [*_carriers([*coming, *passers], two_every=TWO_TAGS_EVERY), *_carriers(staff)]
    tagged = [_carrier(walker, n) for n, walker in enumerate(carriers)]
    heard, payloads = on_air(floor, tagged, START_MS, until_ms, seed)
    known = _known(floor, len(carriers))
    packets = _passed(heard, payloads, known, _filter(known, range(len(carriers) - len(staff), len(carriers))))
    who = Who(shoppers, early, staff, passers, tuple(walker.id for walker in carriers))
    return Recording(floor, who, packets, len(heard.at_ms), until_ms)


def _shoppers(
    floor: Floor, people: int, minutes: float, warm_up_min: float, seed: int
) -> tuple[tuple[Walker, ...], tuple[Walker, ...]]:
    """Those who come during the warm-up, and those who come after it."""
    rng = np.random.default_rng(seed)
    early = round(people * warm_up_min / minutes)
    opens_ms = START_MS + _ms(warm_up_min)
    when = arrivals(early, START_MS, _ms(warm_up_min), rng) + arrivals(people, opens_ms, _ms(minutes), rng)
    walkers = crowd(floor, when, seed, Habits(approach_m=APPROACH_M))
    return tuple(walkers[:early]), tuple(walkers[early:])


def _ms(minutes: float) -> int:
    return round(minutes * 60_000)


def _named(kind: str, walkers: Sequence[Walker]) -> tuple[Walker, ...]:
    return tuple(msgspec.structs.replace(walker, id=f"{kind}-{n}") for n, walker in enumerate(walkers, start=1))


def _passers(floor: Floor, count: int, over_ms: int, seed: int) -> tuple[Walker, ...]:
    """People who walk along the street, in either direction, and never come in."""
    rng = np.random.default_rng((seed, 3))
    return tuple(_passer(floor, n, at_ms, rng) for n, at_ms in enumerate(arrivals(count, START_MS, over_ms, rng), 1))


def _passer(floor: Floor, n: int, at_ms: int, rng: np.random.Generator) -> Walker:
    y_m, speed_m_s = float(rng.uniform(*PASSER_M)), Habits().speed_m_s
    ends = [-PASSER_REACH_M, floor.width_m + PASSER_REACH_M]
    rng.shuffle(ends)
    took_ms = round(1000 * abs(ends[1] - ends[0]) / speed_m_s)
    track = (Step(at_ms, ends[0], y_m), Step(at_ms + took_ms, ends[1], y_m))
    return Walker(id=f"passer-{n}", track=track, entered_ms=track[-1].at_ms)


def _carriers(walkers: Sequence[Walker], two_every: int = 0) -> Iterator[Walker]:
    """Walkers, once for each tag that they carry."""
    for n, walker in enumerate(walkers):
        yield walker
        if two_every and n % two_every == 0:
            yield walker


def _carrier(walker: Walker, tag: int) -> Carrier:
    beacon = Beacon(id=f"tag-{tag}", role="tag", format="uid", static_id=tag_id(tag).hex(), shopper=walker.id)
    return Carrier(walker=walker, build=builds.tag(beacon))


def _known(floor: Floor, tags: int) -> dict[bytes, int]:
    """What is on the air of tags and fixtures, and their numbers."""
    fixtures = [bytes.fromhex(fixture.wake.static_id or "") for fixture in floor.fixtures]
    return {tag_id(n): n for n in range(tags)} | {said: n for n, said in enumerate(fixtures, start=tags)}


def _filter(known: dict[bytes, int], staff: range) -> Filter:
    """As the server sends it: what is registered passes, staff's is dropped by name."""
    passed = [said for said, number in known.items() if number not in staff]
    dropped = [said for said, number in known.items() if number in staff]
    return Filter(
        GatewayConfig(
            version=1,
            pass_eid=False,
            pass_kind=_kinds(passed),
            pass_id=b"".join(map(padded, passed)),
            drop_kind=_kinds(dropped),
            drop_id=b"".join(map(padded, dropped)),
        )
    )


def _kinds(ids: Sequence[bytes]) -> bytes:
    return bytes(IdKind.IBEACON if len(said) == WIDTH[IdKind.IBEACON] else IdKind.UID for said in ids)


def _passed(heard: Received, payloads: Sequence[bytes], known: dict[bytes, int], passing: Filter) -> Packets:
    tags = np.array([_number(payload, known, passing) for payload in payloads], dtype=np.int32)
    order = np.argsort(heard.at_ms, kind="stable")
    tag = tags[heard.payload[order]]
    receiver, rssi_dbm = (column[order].astype(np.int16) for column in (heard.receiver, heard.rssi_dbm))
    return Packets(heard.at_ms[order], receiver, tag, rssi_dbm).cut(tag >= 0)


def _number(payload: bytes, known: dict[bytes, int], passing: Filter) -> int:
    """Whose packet this is, -1 where it may not leave the gateway."""
    malformed: Counter[str] = Counter()
    frame = decode(*ad.split(payload, malformed), malformed)
    named = None if frame is None else identity(frame)
    if named is None or not passing.passes(named[0], named[1]):
        return -1
    return known[named[1]]
