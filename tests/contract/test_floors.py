"""What happened on a floor, on both engines: kept by the minute, and asked for by whoever may know all, or not."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from msgspec import structs

from push.floors import counts, dwell, flows, heat, occupancy, paths, returning, timelapse, visits
from push.floors.asking import DAY_MS, HOUR_MS, MINUTE_MS, Asking, Period, TooMuchError, asking
from push.floors.forgetting import forget_gone
from push.floors.keeping import keep
from push.floors.visits import Wanted
from push.model.errors import MisfitError
from push.model.ports import Database
from push.model.presence import FloorMinute
from push.profiles.rights.settings import RetentionSettings
from push.retaining import Retainer
from tests.support.clocks import SettableClock
from tests.support.floors import Stay, Visit, written
from tests.support.ingest import STATIC, Box, Server, WireGateway

AT_MS = 1_699_999_200_000
"""23:00 in Berlin, some minutes before the clock of these tests."""
NOW_MS = AT_MS + 2 * HOUR_MS
PERIOD = Period(AT_MS, AT_MS + 3 * HOUR_MS)
PEOPLE = ("ann", "bob", "cyd", "dan", "eve", "fay")
GRID = (2, 3, (1.5, 2.0))


def asked(*, exact: bool = True, now_ms: int = NOW_MS, period: Period = PERIOD) -> Asking:
    return Asking("s1", period, ZoneInfo("Europe/Berlin"), now_ms, exact)


async def came(db: Database, found: Sequence[Visit]) -> None:
    async with db.transaction() as tx:
        await written(tx, "s1", found)


def visit(who: str, n: int, at_ms: int, *, is_open: bool = False) -> Visit:
    """To the shoes for so many minutes and one, ten seconds later on to a zone that is none any more."""
    left_ms = at_ms + (n + 1) * MINUTE_MS
    shoes, gone = Stay("shoes", at_ms, left_ms), Stay("gone", left_ms + 10_000, left_ms + 40_000)
    return Visit(f"vis-{who}-{at_ms}", who, (shoes,) if is_open else (shoes, gone), is_open)


async def six(db: Database) -> None:
    """Six people, a minute apart, an hour ago; and the first of them once more, half an hour ago and still there."""
    found = [visit(who, n, AT_MS + HOUR_MS + n * MINUTE_MS) for n, who in enumerate(PEOPLE)]
    await came(db, [*found, visit("ann", 0, NOW_MS - HOUR_MS // 2, is_open=True)])


def minute(
    at_ms: int, person_ds: Sequence[int], reached: Sequence[int], zones: dict[str, tuple[float, int]]
) -> FloorMinute:
    rows, columns, cell_m = GRID
    return FloorMinute(
        store="s1", minute_ms=at_ms, rows=rows, columns=columns, cell_m=cell_m, zones=zones,
        person_ds=np.array(person_ds, "<u4").tobytes(), reached=np.array(reached, "<u2").tobytes(),
    )  # fmt: skip


async def kept(db: Database, *minutes: FloorMinute) -> None:
    async with db.transaction() as tx:
        await keep(tx, minutes)


async def test_who_was_there(db: Database) -> None:
    await six(db)
    all_ = await occupancy.occupancy(db, asked())
    assert all_.starts_ms == (AT_MS, AT_MS + HOUR_MS), "hours that have not begun are not there"
    assert all_.store.people == (0, 6)
    assert all_.store.most == (0, 4), "the last come as the first have left"
    assert all_.zones["gone"].people == (0, 6)
    assert all_.zones["shoes"].mean[1] == pytest.approx(((1 + 2 + 3 + 4 + 5 + 6) + 30) / 60, abs=0.05)
    assert all_.now is not None
    assert (all_.now.people, all_.now.zones["shoes"], all_.now.zones["gone"]) == (1, 1, 0)
    few = await occupancy.occupancy(db, asked(exact=False))
    assert (few.store.people, few.store.mean, few.store.most, few.store.few) == (
        (None, 5),
        (None, None),
        (None, None),
        True,
    )
    assert "gone" not in few.zones, "that it was one, and somebody there"
    assert few.now is not None
    assert (few.now.people, few.now.few) == (None, True)
    assert (await occupancy.occupancy(db, asked(now_ms=PERIOD.to_ms))).now is None


async def test_how_long_they_stayed_and_where_they_went(db: Database) -> None:
    await six(db)
    stayed = await dwell.dwell(db, asked(), "hour")
    shoes = stayed.zones["shoes"]
    assert (shoes.stays, shoes.visits, shoes.people, shoes.median_s) == (7, 7, 6, 240.0), "one goes on, for 30 minutes"
    assert (stayed.zones["gone"].median_s, stayed.zones["gone"].p90_s) == (30.0, 30.0)
    assert (stayed.store.median_s, stayed.store_by[0].median_s, stayed.store_by[1].visits) == (280.0, None, 7)
    few = await dwell.dwell(db, asked(exact=False), "hour")
    assert (few.zones["shoes"].stays, few.zones["shoes"].people, few.zones["shoes"].median_s) == (5, 5, 240.0)
    assert few.zones_by["shoes"][0].few

    went = await flows.flows(db, asked())
    [flow] = went.flows
    assert (flow.from_zone, flow.to_zone, flow.visits, flow.median_s) == ("shoes", "gone", 6, 10.0)
    assert ([(s.zone, s.visits) for s in went.first], [(s.zone, s.visits) for s in went.last]) == (
        [("shoes", 7)], [("gone", 6)],
    )  # fmt: skip
    rough = await flows.flows(db, asked(exact=False))
    assert (rough.visits, rough.flows[0].visits, rough.first[0].visits) == (5, 5, 5)
    found = await paths.paths(db, asked())
    assert [(path.zones, path.visits) for path in found.paths] == [(("shoes", "gone"), 6), (("shoes",), 1)]
    few_paths = await paths.paths(db, asked(exact=False))
    assert ([(path.zones, path.visits) for path in few_paths.paths], few_paths.few) == ([(("shoes", "gone"), 5)], True)


async def test_who_came_back(db: Database) -> None:
    await six(db)
    all_ = await returning.returning(db, asked(), "hour")
    assert (all_.whole.visits, all_.whole.people, all_.whole.new, all_.whole.returning) == (7, 6, 6, 1)
    assert [of.visits for of in all_.by] == [0, 7]
    few = await returning.returning(db, asked(exact=False))
    assert (few.whole.visits, few.whole.new, few.whole.returning) == (5, 5, None)
    async with db.transaction() as tx:
        await tx.execute("ingest.open_visit", id="x", store="s2", shopper="bob", entered_ms=AT_MS - 9, heard_ms=AT_MS)
    assert await returning.returning(db, asked(), "hour") == all_, "elsewhere is elsewhere"
    await came(db, [visit(who, n, AT_MS + 3 * DAY_MS + n * MINUTE_MS) for n, who in enumerate(PEOPLE)])
    days = asked(period=Period(AT_MS, AT_MS + 4 * DAY_MS), now_ms=AT_MS + 4 * DAY_MS)
    week = (await returning.returning(db, days)).whole
    assert (week.visits, week.people, week.returning) == (13, 6, 7), "who comes days later is the same person"
    [flow] = (await flows.flows(db, days)).flows
    assert (flow.visits, flow.median_s) == (12, 10.0)


async def test_visits_one_by_one(db: Database) -> None:
    await six(db)
    whole = await visits.visits(db, asked())
    assert [one.shopper for one in whole.items] == ["ann", *reversed(PEOPLE)]
    assert (whole.items[0].left_ms, whole.items[0].dwell_s, whole.items[0].stays, whole.after) == (None, 1800, 1, None)
    found: list[visits.Visit] = []
    after = None
    while page := await visits.visits(db, asked(), after=after, limit=3):
        found += page.items
        if (after := page.after) is None:
            break
    assert tuple(found) == whole.items
    for wanted, many in (
        (Wanted(open=True), 1), (Wanted(open=False), 6), (Wanted(late=True), 0), (Wanted(zone="gone"), 6),
        (Wanted(shopper="ann"), 2), (Wanted(shopper="nobody"), 0), (Wanted(least_s=400), 2),
    ):  # fmt: skip
        assert len((await visits.visits(db, asked(), wanted)).items) == many, wanted
    with pytest.raises(MisfitError):
        await visits.visits(db, asked(), after="nonsense")
    way = await visits.path(db, "s1", whole.items[1].id, NOW_MS)
    assert way is not None
    assert [(stay.zone, stay.dwell_s) for stay in way.stays] == [("shoes", 360), ("gone", 30)]
    assert await visits.path(db, "s2", whole.items[1].id, NOW_MS) is None


async def test_minutes_add_up(db: Database) -> None:
    at_ms = AT_MS + HOUR_MS
    first = minute(at_ms, [600, 0, 10, 0, 0, 0], [1, 0, 1, 0, 0, 0], {"shoes": (55.5, 1), "gone": (0.0, 0)})
    await kept(db, first, minute(at_ms + MINUTE_MS, [0] * 5 + [1200], [0] * 5 + [2], {"shoes": (60.0, 0)}))
    await kept(db, minute(at_ms, [0, 100, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], {"shoes": (4.5, 1)}))
    found = await heat.heat(db, asked())
    assert (found.rows, found.columns, found.cell_m, found.minutes) == (*GRID, 2)
    assert found.person_s == (60.0, 10.0, 1.0, 0.0, 0.0, 120.0)
    assert found.visits == (1, 1, 1, 0, 0, 2)
    film = await timelapse.timelapse(db, asked(), 60)
    assert film.frames == ((0.0,) * 6, found.person_s)
    in_all = await counts.counts(db, asked())
    assert (in_all.zones["shoes"].person_s, in_all.zones["shoes"].entered) == ((0.0, 120.0), (0, 2))
    by_minute = await counts.counts(db, asked(period=Period(at_ms, at_ms + 2 * MINUTE_MS)), "minute")
    assert by_minute.zones["shoes"].person_s == (60.0, 60.0)

    no_plan = FloorMinute(
        store="s1", minute_ms=at_ms, rows=0, columns=0, cell_m=(0.0, 0.0), person_ds=b"", reached=b"", zones={}
    )
    other = FloorMinute(
        store="s1", minute_ms=at_ms + 2 * MINUTE_MS, rows=1, columns=1, cell_m=(9.0, 9.0),
        person_ds=np.array([70], "<u4").tobytes(), reached=np.array([1], "<u2").tobytes(), zones={},
    )  # fmt: skip
    await kept(db, no_plan, other)
    found = await heat.heat(db, asked())
    assert (found.rows, found.person_s, found.minutes, found.other_minutes) == (1, (7.0,), 1, 2)


async def test_cells_are_told_where_five_people_came_by_at_least(db: Database) -> None:
    """Minutes know visits only: of seven, two are Ann's, so five visits may be four people's, and six are five's."""
    await six(db)
    at_ms = AT_MS + HOUR_MS
    await came(db, [visit("zoe", 0, AT_MS + 20 * MINUTE_MS)])
    await kept(
        db,
        minute(at_ms - HOUR_MS, [600] * 6, [9] * 6, {"shoes": (600.0, 9)}),
        minute(at_ms + MINUTE_MS, [1234, 100, 3000, 0, 5, 5], [6, 5, 0, 0, 1, 1], {"shoes": (310.0, 7)}),
        minute(at_ms + 2 * MINUTE_MS, [0, 0, 600, 2440, 0, 0], [0] * 6, {"shoes": (244.0, 0)}),
    )
    later_ms = PERIOD.to_ms
    few = await heat.heat(db, asked(exact=False, now_ms=later_ms))
    assert few.person_s == (120.0, None, 300.0, None, None, None), "the third had five for one minute, one for another"
    assert (few.visits, few.few) == ((5, None, None, None, None, None), True)
    assert few.minutes is None, "it would say how long somebody was there"
    before = asked(exact=False, period=Period(AT_MS, at_ms), now_ms=later_ms)
    assert (await heat.heat(db, before)).person_s == (None,) * 6, (
        "visits that ended before the first that is kept did are gone"
    )
    film = await timelapse.timelapse(db, asked(exact=False, now_ms=later_ms), 60)
    assert (film.frames[1], film.people) == (few.person_s, (None, 5, None))
    assert (await heat.heat(db, asked(exact=False))).person_s == (None,) * 6, "the hour is not written to its end yet"
    in_all = await counts.counts(db, asked(exact=False))
    assert in_all.zones["shoes"].person_s == (600.0, 310.0), "not those of four, whom a minute has some seconds more of"
    assert (in_all.zones["shoes"].entered, in_all.few) == ((5, 5), False)


async def test_no_two_periods_differ_by_fewer_than_five_people(db: Database) -> None:
    """Seven came to the first cell in one hour, and one stood there in the next; three each came to the second."""
    berlin, later_ms = ZoneInfo("Europe/Berlin"), AT_MS + 2 * DAY_MS
    day_ms = AT_MS + HOUR_MS
    who = [f"p{n}" for n in range(7)]
    await came(db, [visit(one, n, day_ms + n * MINUTE_MS) for n, one in enumerate(who)])
    await kept(
        db,
        minute(day_ms + 10 * MINUTE_MS, [3000, 900, 0, 0, 0, 0], [7, 3, 0, 0, 0, 0], {}),
        minute(day_ms + 70 * MINUTE_MS, [600, 900, 0, 0, 0, 0], [1, 3, 0, 0, 0, 0], {}),
    )

    async def cells(until_ms: int) -> tuple[float | None, ...]:
        period = Period(day_ms, until_ms)
        return (await heat.heat(db, asking("s1", period, berlin, later_ms, exact=False))).person_s[:2]

    for until_ms in (day_ms + 11 * MINUTE_MS, day_ms + HOUR_MS, day_ms + 71 * MINUTE_MS, day_ms + 2 * HOUR_MS):
        assert await cells(until_ms) == (300.0, None)
    assert await cells(day_ms + DAY_MS) == (300.0, 180.0), (
        "what is left of the day is about five at the second cell alone"
    )


async def test_too_much_at_once_is_refused(db: Database) -> None:
    month = asked(period=Period(AT_MS - 32 * DAY_MS, AT_MS))
    ever = asked(period=Period(0, AT_MS))
    for refused in (
        occupancy.occupancy(db, month), occupancy.occupancy(db, month, "minute"), flows.flows(db, month),
        heat.heat(db, month), timelapse.timelapse(db, month), counts.counts(db, ever),
    ):  # fmt: skip
        with pytest.raises(TooMuchError):
            await refused
    later = asked(period=Period(NOW_MS + DAY_MS, NOW_MS + 2 * DAY_MS))
    assert (await occupancy.occupancy(db, later)).store.people == (0,)
    assert (await heat.heat(db, later)).rows == 0
    await kept(db, minute(AT_MS, [600] * 6, [1] * 6, {}))
    assert (await heat.heat(db, later)).person_s == (0.0,) * 6, "a grid without anybody"
    assert (await heat.heat(db, later._replace(exact=False))).person_s == (None,) * 6


async def test_minutes_go_when_they_are_too_old(db: Database, clock: SettableClock) -> None:
    old_ms = clock.now_ms() - 2 * DAY_MS
    shoes = {"shoes": (60.0, 1)}
    await kept(
        db, *(minute(old_ms + n * MINUTE_MS, [600] * 6, [0] * 6, shoes) for n in (0, 1, 2 * DAY_MS // MINUTE_MS))
    )
    found = {one.kind: one for one in await Retainer(db, clock, RetentionSettings(minutes_d=1)).look()}
    assert (found["floor_minutes"].removed, found["zone_minutes"].removed) == (2, 2)
    assert found["zone_minutes"].oldest_ms == clock.now_ms()


async def test_minutes_go_with_their_store(db: Database, clock: SettableClock) -> None:
    shoes, at_ms = {"shoes": (60.0, 1), "tills": (1.0, 0)}, clock.now_ms()
    ours = [minute(at_ms + n * MINUTE_MS, [600] * 6, [0] * 6, shoes) for n in range(3)]
    await kept(db, *ours, *(structs.replace(one, store="burnt-down") for one in ours))
    retainer = Retainer(db, clock, RetentionSettings())
    await retainer.look()
    assert (retainer.removed["floor_minutes"], retainer.removed["zone_minutes"]) == (3, 6)
    left = (await counts.counts(db, asked(period=Period(at_ms, at_ms + HOUR_MS), now_ms=at_ms + HOUR_MS), "day")).zones
    assert {zone: of.person_s[0] for zone, of in left.items()} == {"shoes": 180.0, "tills": 3.0}
    assert await forget_gone(db, "floor_minutes", 1) == await forget_gone(db, "zone_minutes", 1) == 0


async def test_what_gateways_hear_is_on_the_floor_afterwards(db: Database, clock: SettableClock) -> None:
    server, gateway = await Server(db, clock, Box()).start(), WireGateway("g2", clock)
    begin_ms = clock.now_ms()
    for _ in range(30):
        await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"], rssi_dbm=-50)))
        await server.pass_time(5)
    period = Period(begin_ms - HOUR_MS, begin_ms + HOUR_MS)
    now = (await occupancy.occupancy(db, asked(period=period, now_ms=clock.now_ms()))).now
    assert now is not None
    assert (now.people, now.zones["shoes"]) == (1, 1)
    spent = (await counts.counts(db, asked(period=period, now_ms=clock.now_ms()), "minute")).zones["shoes"]
    assert sum(n or 0 for n in spent.entered) == 1
    whole = (begin_ms // MINUTE_MS + 1) * MINUTE_MS - begin_ms
    assert sum(s or 0.0 for s in spent.person_s) == pytest.approx(whole / 1000 + 60, abs=10), "of minutes that are over"
