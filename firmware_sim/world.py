"""A store at work: firmware on walkers and shelves, in one air, stepped from advertisement to advertisement.

walkers ─pose▶ Emission ◀─Advertisement─ firmware
                  └▶ radio ▶ Heard, in order of time      and beside it the truth that no gateway knows
"""

import heapq
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from firmware_sim import builds
from firmware_sim.firmware import Advertisement, Build, Firmware
from firmware_sim.floor import Floor, muffled_db, zone_at
from firmware_sim.radio import SPAN_US, Emission, Heard, Radio, RadioSettings, Receiver, Reception
from firmware_sim.walkers import Pose, Walker, pose

CARRIED_Z_M: Final = 1.0
"""Pocket or bag."""


class Carrier(msgspec.Struct, frozen=True, kw_only=True):
    """A walker with what she carries: a transmitting tag or phone (`build`), a listening phone (`phone`: its id)."""

    walker: Walker
    build: Build | None = None
    phone: str | None = None
    boot_ms: int | None = None


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """The truth about one visit; `first_heard_ms` is the radio time of its first packet at any gateway."""

    walker: str
    entered_ms: int
    left_ms: int
    bought_ms: int | None = None
    first_heard_ms: int | None = None


class Transmitter(msgspec.Struct, frozen=True):
    """What sends: mounted at `place`, or carried by a walker."""

    id: str
    firmware: Firmware
    power_1m_dbm: float
    place: tuple[float, float, float] = (0.0, 0.0, 0.0)
    walker: Walker | None = None


class World:
    """Everything that transmits and listens in one store from `start_ms` on. The same seed gives the same events."""

    def __init__(
        self,
        floor: Floor,
        carriers: Sequence[Carrier],
        *,
        start_ms: int,
        seed: int,
        settings: RadioSettings | None = None,
    ) -> None:
        self.floor = floor
        self.visits = {c.walker.id: _visit(c.walker) for c in carriers}
        self._walkers = {c.walker.id: c.walker for c in carriers}
        self._gateways = {gateway.id for gateway in floor.gateways}
        self._phones = [c for c in carriers if c.phone is not None]
        self._own = {c.phone: c.walker.id for c in self._phones}
        self.radio = Radio([*fixed_receivers(floor), *(_listener(c) for c in self._phones)], seed, settings)
        self._transmitters = transmitters(floor, carriers, start_ms, seed)
        self._queue: list[tuple[int, int, Advertisement]] = []
        for index in range(len(self._transmitters)):
            self._schedule(index, start_ms * 1000)

    def admit(self, carrier: Carrier, seed: int) -> None:
        """Let one more walker come, with the tag that she carries, while the world runs."""
        self.visits[carrier.walker.id] = _visit(carrier.walker)
        self._walkers[carrier.walker.id] = carrier.walker
        for transmitter in _tags([carrier], carrier.walker.from_ms, seed):
            self._transmitters.append(transmitter)
            self._schedule(len(self._transmitters) - 1, carrier.walker.from_ms * 1000)

    @property
    def next_ms(self) -> float:
        """When something happens next; infinite once everything is over."""
        return self._queue[0][0] / 1000 if self._queue else float("inf")

    def events(self, until_ms: float) -> Iterator[Heard]:
        """What is heard before `until_ms`, in order of time; call again to go on.

        A packet is reported once nothing can collide with it any more, at most 1.5 ms after its end.
        """
        until_us = int(until_ms * 1000)
        while self._queue and self._queue[0][0] < until_us:
            at_us, index, advertisement = heapq.heappop(self._queue)
            self._transmit(self._transmitters[index], advertisement)
            self._schedule(index, at_us + 1)
            yield from self._reported(at_us)
        yield from self._reported(until_us)

    def finish(self) -> Iterator[Heard]:
        """All that is left until the last walker is gone and the air is still."""
        last_ms = max((w.until_ms for w in self._walkers.values()), default=0)
        yield from self.events(last_ms + SPAN_US / 1000)

    def where(self, walker_id: str, at_ms: float) -> Pose | None:
        """Where a walker truly is."""
        return pose(self._walkers[walker_id], at_ms)

    def zone(self, walker_id: str, at_ms: float) -> str | None:
        """The zone in which a walker truly is."""
        at = self.where(walker_id, at_ms)
        return zone_at(self.floor, (at.x_m, at.y_m)) if at else None

    def _schedule(self, index: int, from_us: int) -> None:
        sender = self._transmitters[index]
        if sender.walker is not None:
            from_us = max(from_us, sender.walker.from_ms * 1000)
        advertisement = sender.firmware.next_after(from_us)
        if advertisement and not (sender.walker and advertisement.at_us > sender.walker.until_ms * 1000):
            heapq.heappush(self._queue, (advertisement.at_us, index, advertisement))

    def _transmit(self, sender: Transmitter, advertisement: Advertisement) -> None:
        at_us = advertisement.at_us
        at = pose(sender.walker, at_us / 1000) if sender.walker else None
        place = (at.x_m, at.y_m, CARRIED_Z_M) if at else sender.place
        self._move_phones(at_us)
        power_dbm = sender.power_1m_dbm - muffled_db(self.floor, place[:2])
        said = (advertisement.address, advertisement.payload, power_dbm)
        self.radio.send(Emission(at_us, sender.id, *said, *place, at.heading_rad if at else None))

    def _move_phones(self, at_us: int) -> None:
        for index, carrier in enumerate(self._phones, start=len(self._gateways)):
            at = pose(carrier.walker, at_us / 1000)
            if at is None:
                self.radio.remove(index)
            else:
                self.radio.move(index, *at, muffled_db(self.floor, at[:2]))

    def _reported(self, until_us: int) -> Iterator[Heard]:
        for reception in self.radio.settle(until_us):
            if self._own.get(reception.heard.receiver) != reception.source:  # a phone is deaf while it transmits
                self._note(reception)
                yield reception.heard

    def _note(self, reception: Reception) -> None:
        visit = self.visits.get(reception.source)
        if visit and visit.first_heard_ms is None and reception.heard.receiver in self._gateways:
            heard_ms = reception.heard.at_ms
            self.visits[visit.walker] = msgspec.structs.replace(visit, first_heard_ms=heard_ms)


def _visit(walker: Walker) -> Visit:
    return Visit(walker=walker.id, entered_ms=walker.entered_ms, left_ms=walker.until_ms, bought_ms=walker.bought_ms)


def transmitters(floor: Floor, carriers: Sequence[Carrier], start_ms: int, seed: int) -> list[Transmitter]:
    """Everything that is on the air from then on, with its firmware: fixtures, and what walkers carry."""
    return [*_shelves(floor, start_ms, seed), *_tags(carriers, start_ms, seed)]


def fixed_receivers(floor: Floor) -> list[Receiver]:
    """The gateways' ears."""
    return [Receiver(id=g.id, x_m=g.x_m, y_m=g.y_m, z_m=g.z_m, offset_db=-g.radio_offset_db) for g in floor.gateways]


def _listener(carrier: Carrier) -> Receiver:
    return Receiver(id=str(carrier.phone), z_m=CARRIED_Z_M, carried=True)


def _shelves(floor: Floor, start_ms: int, seed: int) -> Iterator[Transmitter]:
    for n, fixture in enumerate(floor.fixtures):
        build, place = builds.fixture(fixture), (fixture.proof.x_m, fixture.proof.y_m, fixture.z_m)
        firmware = Firmware(build, start_ms, _seed(seed, 1, n))
        yield Transmitter(fixture.wake.id, firmware, build.power_1m_dbm, place=place)


def _tags(carriers: Sequence[Carrier], start_ms: int, seed: int) -> Iterator[Transmitter]:
    for n, carrier in enumerate(carriers):
        if carrier.build:
            boot_ms = start_ms if carrier.boot_ms is None else carrier.boot_ms
            firmware = Firmware(carrier.build, boot_ms, _seed(seed, 2, n))
            power_dbm = carrier.build.power_1m_dbm
            yield Transmitter(carrier.walker.id, firmware, power_dbm, walker=carrier.walker)


def _seed(seed: int, kind: int, n: int) -> int:
    return (seed << 24 | kind << 20 | n) & (2**64 - 1)
