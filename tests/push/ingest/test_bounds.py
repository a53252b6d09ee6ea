"""What grows with what is sent to us is bounded: boots remembered, late batches waiting."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from beacons.columns import Sighting, pack, view
from beacons.topics import Topic
from beacons.wire import Batch
from push.ingest.intake import Arrived
from push.ingest.late import MAX_WAITING, OLDEST_MS, LateLane
from push.ingest.ledger import Ledger
from push.ingest.marks import Mark
from push.ingest.observe import Observer
from push.registry.directory import Directory
from push.registry.resolver import Resolver
from push.registry.tags import Tags

NOW_MS = 1_700_000_000_000
NOBODY = Observer(Directory(), Resolver(Tags(), tolerance_ms=0), lambda _: True)


class Stored:
    """`push.model.ports.Queries` with marks."""

    def __init__(self, marks: dict[tuple[str, str], Mark]) -> None:
        self._marks = marks
        self.asked: list[str] = []

    async def fetch(self, name: str, /, **params: object) -> list[Mapping[str, Any]]:
        raise NotImplementedError(name, params)

    async def fetch_one(self, name: str, /, **params: Any) -> Mapping[str, Any] | None:  # noqa: ANN401 - as the port
        assert name == "ingest.mark"
        self.asked.append(params["boot"])
        mark = self._marks.get((params["gateway"], params["boot"]))
        return None if mark is None else {"applied": msgspec.json.encode(mark).decode()}


async def test_marks_are_read_once_and_kept_while_they_are_used() -> None:
    stored = Stored({("g", "a"): Mark(floor=9, done=((11, 12),), lost=2)})
    ledger = Ledger(most=2)
    marks = await ledger.load(stored, [("g", "a"), ("g", "b"), ("g", "a")])
    assert marks == {("g", "a"): Mark(floor=9, done=((11, 12),), lost=2), ("g", "b"): Mark()}
    ledger.keep(marks)
    ledger.keep({("g", "a"): Mark(floor=12)})
    ledger.keep({("g", "c"): Mark(floor=1)})
    assert len(ledger) == 2
    stored.asked.clear()
    assert (await ledger.load(stored, [("g", "a"), ("g", "b"), ("g", "c")]))["g", "a"] == Mark(floor=12)
    assert stored.asked == ["b"], "the one not heard from for longest was forgotten, and is read again"


def late(sequence: int, ago_ms: int = 3_600_000, boot: str = "0" * 16) -> Arrived:
    columns = pack([Sighting(4, b"12345678", 0, 0, -60, -60, 1)], 0)
    batch = Batch(
        gateway="g", boot=boot, sequence=sequence, oldest=1, sent_boot_ms=None, sent_wall_ms=0,
        offset_ms=NOW_MS - ago_ms, base_ms=0, sightings=columns,
    )  # fmt: skip
    return Arrived(Topic("s", "g", "sightings"), "k", batch, view(columns), NOW_MS - ago_ms, NOW_MS)


async def test_a_late_batch_waits_once_and_comes_out_once() -> None:
    lane = LateLane()
    assert lane.put(late(1))
    assert lane.put(late(1)), "sent again while it waits"
    assert await lane.resolve(NOBODY)
    assert lane.put(late(1)), "and while it is not taken"
    assert not await lane.resolve(NOBODY)
    assert [r.arrived.batch.sequence for r in lane.take()] == [1]
    assert lane.take() == []
    assert lane.put(late(1))
    assert await lane.resolve(NOBODY)


async def test_what_is_taken_while_others_are_resolved_is_taken_once() -> None:
    lane = LateLane()
    lane.put(late(1))
    resolving = asyncio.create_task(lane.resolve(NOBODY))
    await asyncio.sleep(0)
    taken = lane.take()
    assert await resolving
    assert taken == []
    assert [r.arrived.batch.sequence for r in lane.take()] == [1]


async def test_more_late_batches_than_can_wait_are_turned_away() -> None:
    lane = LateLane()
    assert [lane.put(late(n)) for n in range(1, MAX_WAITING + 2)] == [True] * MAX_WAITING + [False]
    assert await lane.resolve(NOBODY)
    assert not lane.put(late(MAX_WAITING + 1)), "what is resolved and not taken counts"
    lane.take()
    assert lane.put(late(MAX_WAITING + 1))


async def test_what_is_older_than_any_spool_is_not_looked_up() -> None:
    lane = LateLane()
    lane.put(late(1, ago_ms=OLDEST_MS + 1))
    await lane.resolve(NOBODY)
    (resolved,) = lane.take()
    assert (resolved.observations, resolved.resolved) == ([], 0)
