"""Presence by thresholds: entering, leaving, dwelling, changing zones, and coming back to the same after a crash."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from push.model.presence import (
    Anchor,
    Changes,
    Moment,
    Observation,
    StayClosed,
    StayOpened,
    VisitClosed,
    VisitOpened,
)
from push.presence.thresholds import Presence, PresenceSettings

T0_MS = 1_700_000_000_000
ANCHORS = {
    "door": Anchor("door", "s1", "entrance"),
    "rack": Anchor("rack", "s1", "shoes"),
    "plain": Anchor("plain", "s1", None),
    "other": Anchor("other", "s2", "hall"),
}


def presence(**rules: Any) -> Presence:  # noqa: ANN401 - any setting
    return Presence(PresenceSettings(**rules), ANCHORS)


def heard(at_s: float, anchor: str = "door", rssi_dbm: float = -60, shopper: str = "ann") -> Observation:
    at_ms = T0_MS + round(at_s * 1000)
    return Observation(shopper, anchor, at_ms, at_ms, rssi_dbm, 1, at_ms)


def step(there: Presence, now_s: float, *observations: Observation) -> Changes:
    return there.step(observations, T0_MS + round(now_s * 1000))


def kinds(changes: Changes) -> list[str]:
    return [m.kind for m in changes.moments]


def test_one_strong_sighting_enters_store_and_zone() -> None:
    there = presence()
    changes = step(there, 0.1, heard(0))
    assert kinds(changes) == ["store_entered", "zone_entered"]
    visit, stay = changes.records
    assert isinstance(visit, VisitOpened)
    assert (visit.store, visit.shopper, visit.entered_ms) == ("s1", "ann", T0_MS)
    assert isinstance(stay, StayOpened)
    assert (stay.visit, stay.zone) == (visit.visit, "entrance")
    entered = changes.moments[0]
    assert (entered.heard_ms, entered.received_ms, entered.at_ms) == (T0_MS, T0_MS, T0_MS + 100)
    assert [p.shopper for p in there.present("s1")] == ["ann"]
    assert there.present("s2") == []
    assert there.shoppers() == {"ann"}


def test_a_weak_sighting_enters_nothing_and_keeps_who_is_there() -> None:
    there = presence(leave_after_s=60)
    assert step(there, 0, heard(0, rssi_dbm=-85.5)) == Changes()
    assert step(there, 1, heard(1, rssi_dbm=-85)).moments != []
    for at_s in range(30, 300, 30):
        assert "left" not in kinds(step(there, at_s, heard(at_s, rssi_dbm=-100)))


def test_an_anchor_without_a_zone_opens_a_visit_and_no_stay() -> None:
    changes = step(presence(), 0, heard(0, "plain"))
    assert kinds(changes) == ["store_entered"]
    assert len(changes.records) == 1


def test_unknown_anchors_are_nowhere() -> None:
    assert step(presence(), 0, heard(0, "removed")) == Changes()


def test_absence_leaves_when_last_heard() -> None:
    there = presence(leave_after_s=60)
    step(there, 0, heard(0))
    step(there, 10, heard(9))
    assert step(there, 68.9) == Changes()
    changes = step(there, 69)
    assert kinds(changes) == ["zone_left", "left"]
    stay, visit = changes.records
    assert isinstance(stay, StayClosed)
    assert isinstance(visit, VisitClosed)
    assert (stay.left_ms, visit.left_ms) == (T0_MS + 9000, T0_MS + 9000)
    assert there.shoppers() == set()
    assert step(there, 100) == Changes()


def test_who_comes_back_makes_a_new_visit() -> None:
    there = presence(leave_after_s=60)
    first = step(there, 0, heard(0)).moments[0]
    step(there, 61)
    again = step(there, 100, heard(100)).moments[0]
    assert (first.kind, again.kind) == ("store_entered", "store_entered")
    assert first.visit != again.visit
    assert first.id != again.id


def test_what_was_heard_before_she_left_does_not_bring_her_back() -> None:
    there = presence(leave_after_s=5, stale_s=30)
    step(there, 0, heard(0))
    assert "left" in kinds(step(there, 5))
    assert step(there, 6, heard(1)) == Changes()


def test_two_stores_are_two_visits() -> None:
    there = presence()
    changes = step(there, 0, heard(0), heard(0, "other"))
    assert len([r for r in changes.records if isinstance(r, VisitOpened)]) == 2


def test_a_zone_changes_for_a_clearly_stronger_anchor_only() -> None:
    there = presence(zone_hysteresis_db=6)
    step(there, 0, heard(0, "door", -70), heard(0, "rack", -65))
    assert there.present("s1")[0].zone == "entrance"
    changes = step(there, 1, heard(1, "rack", -62))  # smoothed: -63.5, 6.5 dB above
    assert kinds(changes) == ["zone_left", "zone_entered"]
    assert [m.zone for m in changes.moments] == ["entrance", "shoes"]


def test_a_person_who_stands_between_two_anchors_stays_in_one_zone() -> None:
    there = presence(zone_hysteresis_db=6)
    moments = []
    for n in range(100):
        swing = 2 if n % 2 else -2
        changes = step(there, n, heard(n, "door", -70 + swing), heard(n, "rack", -70 - swing))
        moments += [m.kind for m in changes.moments if m.kind != "dwelled"]
    assert moments == ["store_entered", "zone_entered"]


def test_an_anchor_that_fell_silent_no_longer_holds_her() -> None:
    there = presence(anchor_forget_s=12)
    step(there, 0, heard(0, "door", -50))
    assert kinds(step(there, 5, heard(5, "rack", -80))) == []
    assert kinds(step(there, 13, heard(13, "rack", -80))) == ["zone_left", "zone_entered"]


def test_dwell_marks_come_once_in_a_stay_however_they_are_listed() -> None:
    there = presence(dwell_marks_s=(120, 30, 30, 300))
    marks = []
    for n in range(0, 400, 5):
        marks += [m.mark_s for m in step(there, n, heard(n)).moments if m.kind == "dwelled"]
    assert marks == [30, 120, 300]


def test_dwelling_counts_what_was_heard_not_silence() -> None:
    there = presence(dwell_marks_s=(30,), leave_after_s=60)
    step(there, 0, heard(0))
    assert step(there, 50) == Changes()
    assert kinds(step(there, 51, heard(51))) == ["dwelled"]


def test_a_stale_sighting_triggers_nothing() -> None:
    assert step(presence(stale_s=30), 31, heard(0.9)) == Changes()
    assert step(presence(stale_s=30), 31, heard(1)).moments != []


def test_a_late_sighting_prolongs_a_visit_and_moves_nobody() -> None:
    there = presence(stale_s=30, leave_after_s=60, anchor_forget_s=600)
    step(there, 0, heard(0))
    assert there.concerns(heard(20, "rack"))
    assert not there.concerns(heard(20, "other"))
    assert not there.concerns(heard(20, "removed"))
    assert step(there, 55, heard(20, "rack", -20)) == Changes()
    assert there.present("s1")[0].zone == "entrance"
    assert step(there, 60) == Changes()
    changes = step(there, 80)
    assert kinds(changes) == ["zone_left", "left"]
    assert [r.left_ms for r in changes.records if isinstance(r, VisitClosed)] == [T0_MS + 20_000]


def test_who_withdraws_is_let_go_of_at_once_and_silently() -> None:
    there = presence()
    step(there, 0, heard(0), heard(0, "other"), heard(0, shopper="bob"))
    changes = there.forget("ann", T0_MS + 1000)
    assert changes.moments == []
    assert len([r for r in changes.records if isinstance(r, VisitClosed)]) == 2
    assert there.shoppers() == {"bob"}
    assert there.forget("ann", T0_MS + 1000) == Changes()


def test_a_restart_gives_everybody_a_fresh_deadline() -> None:
    there = presence(leave_after_s=60)
    step(there, 0, heard(0))
    there.resume(T0_MS + 3_600_000)
    assert step(there, 3600 + 59) == Changes()
    changes = step(there, 3600 + 60)
    assert [r.left_ms for r in changes.records if isinstance(r, VisitClosed)] == [T0_MS]


def test_a_clock_that_is_set_back_neither_holds_nor_loses_people() -> None:
    there = presence(leave_after_s=60)
    step(there, 0, heard(0, "door", -60))
    there.resume(T0_MS - 3_600_000)
    assert kinds(step(there, -3590, heard(-3590, "rack", -30))) == ["zone_left", "zone_entered"]
    changes = step(there, -3590 + 60)
    assert "left" in kinds(changes)
    for record in changes.records:
        assert isinstance(record, VisitClosed | StayClosed)
    closed = next(r for r in changes.records if isinstance(r, VisitClosed))
    assert closed.left_ms >= T0_MS, "a visit does not end before it began"


def test_a_gateway_that_moved_to_another_store_places_nobody_in_the_old_one() -> None:
    there = presence()
    step(there, 0, heard(0, "door", -80), heard(0, "rack", -70))
    assert not there.use_anchors(ANCHORS)
    assert there.use_anchors({**ANCHORS, "rack": Anchor("rack", "s2", "elsewhere")})
    step(there, 1, heard(1, "door", -80))
    assert there.present("s1")[0].zone == "entrance"


observations = st.builds(
    lambda shopper, anchor, ago_ms, rssi, length: (shopper, anchor, ago_ms, rssi, length),
    st.sampled_from(["ann", "bob", "cyd"]),
    st.sampled_from([*ANCHORS, "removed"]),
    st.integers(0, 70_000),
    st.integers(-110, -30),
    st.integers(0, 3000),
)
schedule = st.lists(st.tuples(st.integers(0, 20_000), st.lists(observations, max_size=4)), max_size=40)
Step = tuple[list[Observation], int]


def timed(plan: list[tuple[int, list[tuple[str, str, int, int, int]]]]) -> list[Step]:
    now_ms, steps = T0_MS, []
    for wait_ms, seen in plan:
        now_ms += wait_ms
        found = [
            Observation(shopper, anchor, now_ms - ago - length, now_ms - ago, float(rssi), 1, now_ms)
            for shopper, anchor, ago, rssi, length in seen
        ]
        steps.append((found, now_ms))
    return steps


RULES = PresenceSettings(leave_after_s=20, dwell_marks_s=(10, 30), stale_s=15)


@given(plan=schedule, at=st.integers(0, 40))
def test_a_checkpoint_and_the_journal_lead_to_where_the_live_run_is(
    plan: list[tuple[int, list[tuple[str, str, int, int, int]]]], at: int
) -> None:
    live = Presence(RULES, ANCHORS)
    checkpoint: bytes | None = None
    journal: list[Step] = []
    for n, (found, now_ms) in enumerate(timed(plan)):
        if n == at:
            checkpoint, journal = live.dump(), []
        changes = live.step(found, now_ms)
        if found or changes.records or changes.moments:
            journal.append((found, now_ms))
    restored = Presence(RULES, ANCHORS)
    restored.replay(checkpoint, journal)
    assert restored.dump() == live.dump()
    end_ms = T0_MS + 10**7
    assert restored.step([], end_ms) == live.step([], end_ms)


@given(plan=schedule, back_ms=st.integers(-60_000, 60_000), at=st.integers(0, 40))
def test_nobody_stays_beyond_her_deadline_also_where_the_clock_was_set(
    plan: list[tuple[int, list[tuple[str, str, int, int, int]]]], back_ms: int, at: int
) -> None:
    there, now_ms = Presence(RULES, ANCHORS), T0_MS
    for n, (found, at_ms) in enumerate(timed(plan)):
        now_ms = at_ms if n < at else at_ms - back_ms
        if n == at:
            there.resume(now_ms)
        there.step([o for o in found if o.last_ms <= now_ms], now_ms)
        if n % 7 == 0:
            there.forget("bob", now_ms)
        assert all(now_ms - p.alive_ms < 20_000 for store in ("s1", "s2") for p in there.present(store))
    there.resume(now_ms)
    there.step([], now_ms + 19_999)
    who = there.shoppers()
    assert {m.shopper for m in there.step([], now_ms + 20_000).moments if m.kind == "left"} == who


@given(plan=schedule)
def test_a_journal_replays_under_the_rules_that_it_was_written_under(
    plan: list[tuple[int, list[tuple[str, str, int, int, int]]]],
) -> None:
    live = Presence(RULES, ANCHORS)
    checkpoint, steps = live.dump(), timed(plan)
    for found, now_ms in steps:
        live.step(found, now_ms)
    changed = Presence(PresenceSettings(leave_after_s=5, enter_dbm=-20), {"door": Anchor("door", "s9", "z")})
    changed.replay(checkpoint, steps)
    assert msgspec.msgpack.decode(changed.dump())[2] == msgspec.msgpack.decode(live.dump())[2]
    assert changed.leave_after_ms == 5000


@settings(max_examples=200)
@given(plan=schedule)
def test_every_visit_and_stay_opens_once_closes_once_and_in_order(
    plan: list[tuple[int, list[tuple[str, str, int, int, int]]]],
) -> None:
    live = Presence(RULES, ANCHORS)
    records: list[Any] = []
    moments: list[Moment] = []
    for found, now_ms in [*timed(plan), ([], T0_MS + 10**7)]:
        changes = live.step(found, now_ms)
        records += changes.records
        moments += changes.moments
        for moment in changes.moments:
            if moment.kind in {"store_entered", "zone_entered"}:
                assert not live.is_stale(max(o.last_ms for o in found), now_ms)
    assert live.shoppers() == set()
    opened = {r.visit: r for r in records if isinstance(r, VisitOpened)}
    closed = {r.visit: r for r in records if isinstance(r, VisitClosed)}
    assert opened.keys() == closed.keys()
    assert all(closed[v].left_ms >= opened[v].entered_ms for v in opened)
    stays = {r.stay: r for r in records if isinstance(r, StayOpened)}
    ended = {r.stay: r for r in records if isinstance(r, StayClosed)}
    assert stays.keys() == ended.keys()
    assert all(ended[s].left_ms >= stays[s].entered_ms for s in stays)
    assert len({m.id for m in moments}) == len(moments)
    assert {m.visit for m in moments} == opened.keys()
