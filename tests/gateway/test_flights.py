import random

from hypothesis import given
from hypothesis import strategies as st

from beacons.wire import SightingColumns
from gateway.flights import Flights
from gateway.spool import Stored

BOOT = "00000000000000aa"
OLD = "00000000000000bb"


def stored(number: int, boot: str = BOOT) -> Stored:
    return Stored(number, boot, number, 0, 100, SightingColumns())


def flights(window: int = 4, backlog_per_s: float = 10) -> Flights:
    made = Flights(BOOT, window, 2000, backlog_per_s, lambda: 0.0)
    made.add_backlog([], 0)
    return made


def sent(flying: Flights, now_ms: int) -> list[int]:
    return [departure.stored.sequence for departure in flying.take(now_ms)]


def test_a_live_batch_goes_at_once_and_again_after_two_seconds() -> None:
    flying = flights()
    flying.offer(stored(1))
    assert [(d.stored.sequence, d.again) for d in flying.take(0)] == [(1, False)]
    assert flying.next_ms() == 2000
    assert sent(flying, 1999) == []
    assert [(d.stored.sequence, d.again) for d in flying.take(2000)] == [(1, True)]
    assert flying.next_ms() == 6000  # then at growing intervals


def test_a_silent_server_is_asked_ever_more_rarely_and_soon_once_it_speaks() -> None:
    flying = flights()
    flying.offer(stored(1))
    now_ms = 0
    gaps = []
    for _ in range(5):
        flying.take(now_ms)
        due_ms = flying.next_ms()
        assert due_ms is not None
        gaps.append(due_ms - now_ms)
        now_ms = due_ms
    assert gaps == [2000, 4000, 8000, 10_000, 10_000]
    flying.hurry(now_ms - 9000)
    assert flying.next_ms() == now_ms - 7000


def test_a_new_connection_sends_everything_again() -> None:
    flying = flights()
    flying.offer(stored(1))
    flying.take(0)
    flying.reconnected(500)
    assert sent(flying, 500) == [1]


def test_an_acknowledgement_settles_what_was_sent_only() -> None:
    flying = flights()
    for number in (1, 2):
        flying.offer(stored(number))
    flying.take(0)
    flying.offer(stored(3))
    settled, ignored = flying.acknowledged(BOOT, [(1, 1)])
    assert ([s.sequence for s in settled], ignored) == ([1], 0)
    flying.land(settled)
    assert len(flying) == 1
    assert flying.acknowledged(BOOT, [(1, 3)]) == ([], 1)  # 3 is not sent yet: a lie, or another's
    assert flying.acknowledged(OLD, [(1, 2)])[0] == []
    assert flying.acknowledged(BOOT, [(2, 1)])[0] == []


def test_of_an_earlier_boot_any_range_settles_what_is_in_flight() -> None:
    flying = flights()
    flying.behind = True
    flying.add_backlog([stored(7, OLD)], 0)
    flying.take(0)
    settled, ignored = flying.acknowledged(OLD, [(1, 90)])
    assert ([s.sequence for s in settled], ignored) == ([7], 0)


def test_live_batches_push_the_oldest_back_to_the_spool() -> None:
    flying = flights(window=2)
    for number in (1, 2):
        flying.offer(stored(number))
    flying.take(0)
    assert not flying.behind
    flying.offer(stored(3))
    assert sent(flying, 1) == [3]
    assert len(flying) == 2
    assert flying.behind
    assert flying.cursor == 0


def test_more_live_batches_than_can_wait_fall_back_to_the_backlog() -> None:
    flying = flights(window=2)
    for number in range(1, 6):
        flying.offer(stored(number))
    assert (flying.waiting, flying.behind, flying.cursor) == (2, True, 0)
    assert sent(flying, 0) == [4, 5]


def test_the_backlog_follows_at_its_rate_and_waits_for_room() -> None:
    flying = flights(window=3, backlog_per_s=10)
    flying.behind = True
    rows = [stored(number) for number in range(1, 9)]
    flown = []
    for now_ms in range(10_000, 10_300):
        if flying.backlog_room(now_ms):
            flying.add_backlog([s for s in rows if s.id > flying.cursor], now_ms)
        flown += [(now_ms, number) for number in sent(flying, now_ms)]
        if now_ms == 10_250:
            flying.land(rows[:3])
    assert [number for _, number in flown] == [1, 2, 3, 4, 5, 6]
    assert flown[2][0] <= 10_000  # a short burst after idleness
    assert flown[3][0] >= 10_250


def test_what_the_spool_dropped_is_not_sent_again() -> None:
    flying = flights()
    for number in (1, 2):
        flying.offer(stored(number))
    flying.take(0)
    flying.land_below({BOOT: 2})
    assert len(flying) == 1
    flying.land_below({})
    assert len(flying) == 0


class Wire:
    """A spool as a dict, and a wire that loses batches and acknowledgements and breaks now and then."""

    def __init__(self, seed: int, window: int, loss: float) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - chance that repeats, no secret
        self.loss = loss
        self.flying = Flights(BOOT, window, 2000, 20, self.chance.random)
        self.spool: dict[int, Stored] = {}
        self.arrived: set[int] = set()

    def spooled(self, number: int, boot: str) -> Stored:
        return self.spool.setdefault(number, stored(number, boot))

    def step(self, now_ms: int) -> None:
        if self.chance.random() < 0.01:
            self.flying.reconnected(now_ms)
        if self.flying.backlog_room(now_ms):
            waiting = [s for number, s in sorted(self.spool.items()) if number > self.flying.cursor]
            self.flying.add_backlog(waiting[:3], now_ms)
        for departure in self.flying.take(now_ms):
            if self.chance.random() >= self.loss:
                self.arrive(departure.stored, now_ms)

    def arrive(self, batch: Stored, now_ms: int) -> None:
        self.arrived.add(batch.id)
        if self.chance.random() >= self.loss:
            settled, ignored = self.flying.acknowledged(batch.boot, [(batch.sequence, batch.sequence)])
            assert ignored == 0
            self.flying.land(settled)
            for gone in settled:
                assert gone.id in self.arrived
                self.spool.pop(gone.id, None)
            self.flying.hurry(now_ms)


@given(seed=st.integers(0, 2**32), window=st.integers(1, 6), loss=st.floats(0, 0.5))
def test_everything_arrives_whatever_is_lost_and_never_more_than_the_window_flies(
    seed: int, window: int, loss: float
) -> None:
    wire = Wire(seed, window, loss)
    for number in range(1, 6):
        wire.spooled(number, OLD)
    for now_ms in range(0, 5000, 50):
        if now_ms % 250 == 0:
            wire.flying.offer(wire.spooled(6 + now_ms // 250, BOOT))
        wire.step(now_ms)
        assert len(wire.flying) <= window
    now_ms = 5000
    while wire.spool and now_ms < 36_000_000:
        due_ms = wire.flying.next_ms()
        assert due_ms is not None
        now_ms = max(now_ms + 1, due_ms)
        wire.step(now_ms)
        assert len(wire.flying) <= window
    assert not wire.spool
    assert wire.arrived == set(range(1, 26))
