"""Presence where gateways stand for zones: entering, leaving, dwelling, changing zones, and the same after a crash."""

from collections.abc import Mapping
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from push.model.ids import subject
from push.model.presence import (
    Changes,
    JournalEntry,
    Moment,
    StayClosed,
    StayOpened,
    VisitClosed,
    VisitOpened,
    VisitReopened,
)
from push.model.sites import Anchor, Place, Rules, Site
from push.presence.grounds import MOST_ZONES
from push.presence.presence import Presence
from push.presence.radio import RadioModel
from tests.support.seeing import Sight, look, seen

T0_MS = 1_700_000_000_000
DOOR = Anchor("door", "s1", "entrance")
RACK = Anchor("rack", "s1", "shoes")
PLAIN = Anchor("plain", "s1", None)
OTHER = Anchor("other", "s2", "hall")


def sites(rules: Rules) -> dict[str, Site]:
    return {
        "s1": Site(store="s1", places=(Place("entrance"), Place("shoes")), anchors=(DOOR, RACK, PLAIN), rules=rules),
        "s2": Site(store="s2", places=(Place("hall"),), anchors=(OTHER,), rules=rules),
    }


def presence(**rules: Any) -> Presence:  # noqa: ANN401 - any rule
    made = Presence()
    made.use(sites(Rules(**rules)))
    made.listen(made.numbers, T0_MS)
    return made


def heard(at_s: float, anchor: str = "door", rssi_dbm: float = -60, shopper: str = "ann") -> Sight:
    at_ms = T0_MS + round(at_s * 1000)
    return Sight(shopper, anchor, at_ms, at_ms, rssi_dbm)


def step(there: Presence, now_s: float, *sights: Sight) -> Changes:
    return look(there, sights, T0_MS + round(now_s * 1000))


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
    assert 0.6 <= changes.moments[1].confidence <= 1
    assert [(p.shopper, p.zone) for p in there.present("s1")] == [("ann", "entrance")]
    assert there.present("s2") == []
    assert there.is_in("s1", "ann")
    assert not there.is_in("s2", "ann")
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


def test_absence_leaves_when_last_heard() -> None:
    there = presence(leave_after_s=60)
    step(there, 0, heard(0))
    step(there, 10, heard(9))
    assert kinds(step(there, 68.9)) == []
    changes = step(there, 70)
    assert kinds(changes) == ["zone_left", "left"]
    stay, visit = changes.records
    assert isinstance(stay, StayClosed)
    assert isinstance(visit, VisitClosed)
    assert (stay.left_ms, visit.left_ms) == (T0_MS + 9000, T0_MS + 9000)
    assert there.present("s1") == []
    assert step(there, 100).moments == []


def test_who_comes_back_soon_goes_on_with_her_visit_and_later_makes_a_new_one() -> None:
    there = presence(leave_after_s=60, again_after_s=300)
    first = step(there, 0, heard(0)).moments[0]
    assert "left" in kinds(step(there, 61))
    soon = step(there, 100, heard(100))
    assert "store_entered" not in kinds(soon)
    assert [p.visit for p in there.present("s1")] == [first.visit]
    assert "left" in kinds(step(there, 170))
    assert step(there, 500).moments == []
    again = step(there, 501, heard(501)).moments[0]
    assert (first.kind, again.kind) == ("store_entered", "store_entered")
    assert first.visit != again.visit
    assert first.id != again.id


def test_how_long_she_may_be_away_counts_from_when_she_left_last() -> None:
    there = presence(leave_after_s=10, again_after_s=100)
    visit = step(there, 0, heard(0)).moments[0].visit
    step(there, 11)
    step(there, 80, heard(80))
    assert "left" in kinds(step(there, 91))
    step(there, 120)
    step(there, 150, heard(150))
    assert [p.visit for p in there.present("s1")] == [visit]


def test_a_zone_entered_by_waiting_was_heard_when_she_was_heard_last() -> None:
    there = presence(zone_hold_s=2)
    step(there, 0, heard(0))
    step(there, 1, heard(1))
    (entered,) = step(there, 2.1).moments
    assert (entered.kind, entered.heard_ms) == ("zone_entered", T0_MS + 1000)


def test_who_comes_back_waits_for_a_zone_as_everybody_does() -> None:
    there = presence(zone_hold_s=3, leave_after_s=10)
    for at_s in range(3):
        step(there, at_s, heard(at_s))
    step(there, 13)
    assert step(there, 20, heard(20)).moments == []
    assert kinds(step(there, 23, heard(23))) == ["zone_entered"]


def test_who_lingers_outside_comes_in_when_she_does() -> None:
    there = Presence()
    place = Place("entrance", ((0, 0), (8, 0), (8, 8), (0, 8)))
    gateway = Anchor("door", "s1", "entrance", at_m=(4, 4))
    site = Site(store="s1", size_m=(8, 8), places=(place,), anchors=(gateway,), rules=Rules(enter_inside=1))
    there.use({"s1": site})
    for at_s in range(60):
        assert step(there, at_s, heard(at_s)).moments == []
    there.use({"s1": msgspec.structs.replace(site, rules=Rules(enter_inside=0))})
    changes = step(there, 61, heard(61))
    entered = next(m for m in changes.moments if m.kind == "store_entered")
    (opened,) = [r for r in changes.records if isinstance(r, VisitOpened)]
    for begins_ms in (entered.heard_ms, opened.entered_ms):
        assert T0_MS + 40_000 <= begins_ms <= T0_MS + 61_000


def test_who_left_and_walks_past_outside_stays_away() -> None:
    """Until she is inside as surely as whoever comes in; what she was heard of meanwhile makes no visit of its own."""
    there = Presence()
    place = Place("entrance", ((0, 0), (8, 0), (8, 8), (0, 8)))
    gateway = Anchor("door", "s1", "entrance", at_m=(4, 4))
    rules = Rules(enter_inside=0, leave_after_s=5, again_after_s=100)
    site = Site(store="s1", size_m=(8, 8), places=(place,), anchors=(gateway,), rules=rules)
    there.use({"s1": site})
    visit = step(there, 0, heard(0)).moments[0].visit
    assert "left" in kinds(step(there, 6))
    there.use({"s1": msgspec.structs.replace(site, rules=msgspec.structs.replace(rules, enter_inside=1))})
    for at_s in range(20, 30):
        changes = step(there, at_s, heard(at_s))
        assert (changes.records, changes.moments, there.present("s1")) == ([], [], [])
    again = Presence()
    again.use({"s1": site})
    again.replay(there.dump(), [])
    for other in (there, again):
        other.use({"s1": site})
        other.resume(T0_MS + 50_000)
        other.listen(other.numbers, T0_MS + 50_000)
        changes = step(other, 60, heard(60))
        assert VisitReopened(visit) in changes.records
        assert [p.visit for p in other.present("s1")] == [visit]
    assert "left" in kinds(step(there, 66))
    for at_s in range(120, 150, 5):
        step(there, at_s)
    assert step(there, 151, heard(151)).moments[0].visit == visit
    step(there, 157)
    assert step(there, 300, heard(300)).moments[0].visit != visit, "too late to go on with it"


def test_what_was_heard_before_she_left_does_not_bring_her_back() -> None:
    there = presence(leave_after_s=5, stale_s=30)
    step(there, 0, heard(0))
    assert "left" in kinds(step(there, 5))
    assert step(there, 6, heard(1)).moments == []


def test_two_stores_are_two_visits() -> None:
    there = presence()
    changes = step(there, 0, heard(0), heard(0, "other"))
    assert len([r for r in changes.records if isinstance(r, VisitOpened)]) == 2


def test_who_walks_over_to_another_gateway_is_in_its_zone() -> None:
    there = presence()
    step(there, 0, heard(0, "door", -58), heard(0, "rack", -80))
    moments: list[Moment] = []
    for at_s in range(1, 6):
        moments += step(there, at_s, heard(at_s, "door", -80), heard(at_s, "rack", -58)).moments
    assert [(m.kind, m.zone) for m in moments] == [("zone_left", "entrance"), ("zone_entered", "shoes")]


def test_a_person_who_stands_between_two_anchors_settles_in_one_zone() -> None:
    there = presence()
    moments: list[tuple[str, int]] = []
    for n in range(100):
        swing = 2 if n % 2 else -2
        changes = step(there, n, heard(n, "door", -70 + swing), heard(n, "rack", -70 - swing))
        moments += [(m.kind, n) for m in changes.moments if m.kind != "dwelled"]
    assert [kind for kind, _ in moments].count("store_entered") == 1
    assert [n for kind, n in moments if kind == "zone_entered" and n > 5] == []


def test_dwell_marks_come_once_in_a_stay_however_they_are_listed() -> None:
    there = presence(dwell_marks_s=(120, 30, 30, 300))
    marks: list[int] = []
    for n in range(0, 400, 5):
        marks += [m.mark_s for m in step(there, n, heard(n)).moments if m.kind == "dwelled"]
    assert marks == [30, 120, 300]


def test_dwelling_counts_what_was_heard_not_silence() -> None:
    there = presence(dwell_marks_s=(30,), leave_after_s=60)
    step(there, 0, heard(0))
    assert "dwelled" not in kinds(step(there, 50))
    assert "dwelled" in kinds(step(there, 52, heard(51)))


def test_a_stale_sighting_triggers_nothing() -> None:
    assert step(presence(stale_s=30, leave_after_s=60), 31, heard(0.9)) == Changes()
    assert step(presence(stale_s=30, leave_after_s=60), 31, heard(1)).moments != []


def test_a_late_sighting_prolongs_a_visit_and_moves_nobody() -> None:
    there = presence(stale_s=30, leave_after_s=60)
    step(there, 0, heard(0))
    asked = seen(there, [heard(20, "rack"), heard(20, "other"), heard(20, "rack", shopper="bob")])
    assert there.is_here(asked).tolist() == [True, False, False]
    assert kinds(step(there, 55, heard(20, "rack", -20))) == []
    assert there.present("s1")[0].zone == "entrance"
    assert kinds(step(there, 60)) == []
    changes = step(there, 81)
    assert kinds(changes) == ["zone_left", "left"]
    assert [r.left_ms for r in changes.records if isinstance(r, VisitClosed)] == [T0_MS + 20_000]


def test_who_was_faint_is_no_visitor_however_late_that_is_learned() -> None:
    there = presence()
    late = seen(there, [heard(0, rssi_dbm=-90), heard(0, rssi_dbm=-85, shopper="bob")])
    assert there.is_visiting(late).tolist() == [False, True]
    step(there, 1, heard(1))
    assert there.is_visiting(late).tolist() == [True, True]


def test_who_withdraws_is_let_go_of_at_once_and_silently() -> None:
    there = presence()
    step(there, 0, heard(0), heard(0, "other"), heard(0, shopper="bob"))
    changes = there.forget("ann", T0_MS + 1000)
    assert changes.moments == []
    assert len([r for r in changes.records if isinstance(r, VisitClosed)]) == 2
    assert there.shoppers() == {"bob"}
    assert there.forget("ann", T0_MS + 1000) == Changes()


def test_a_gateway_that_went_down_lets_nobody_leave_and_one_that_hears_nobody_does() -> None:
    there = presence(leave_after_s=20)
    step(there, 0, heard(0))
    there.deaf("door")
    assert kinds(step(there, 60)) == []
    assert [p.shopper for p in there.present("s1")] == ["ann"]
    there.listen(["door"], T0_MS + 61_000)
    assert "left" in kinds(step(there, 62))


def test_a_restart_gives_everybody_a_fresh_deadline() -> None:
    there = presence(leave_after_s=60)
    step(there, 0, heard(0))
    there.resume(T0_MS + 3_600_000)
    there.listen(["door"], T0_MS + 3_600_000)
    assert kinds(step(there, 3600 + 59)) == []
    changes = step(there, 3600 + 61)
    assert [r.left_ms for r in changes.records if isinstance(r, VisitClosed)] == [T0_MS]


def test_a_clock_that_is_set_back_neither_holds_nor_loses_people() -> None:
    there = presence(leave_after_s=60)
    step(there, 0, heard(0, "door", -60))
    there.resume(T0_MS - 3_600_000)
    moved: list[str] = []
    for at_s in range(-3590, -3584):
        moved += kinds(step(there, at_s, heard(at_s, "rack", -40)))
    assert moved == ["zone_left", "zone_entered"]
    changes = step(there, -3585 + 62)
    assert "left" in kinds(changes)
    closed = next(r for r in changes.records if isinstance(r, VisitClosed))
    assert closed.left_ms >= T0_MS, "a visit does not end before it began"


def test_a_gateway_that_moved_to_another_store_places_nobody_in_the_old_one() -> None:
    there, rules = presence(), Rules()
    step(there, 0, heard(0, "door", -80), heard(0, "rack", -60))
    assert there.present("s1")[0].zone == "shoes"
    before = sites(rules)
    assert not there.use(before)
    moved = {
        "s1": Site(store="s1", places=before["s1"].places, anchors=(DOOR,)),
        "s2": Site(store="s2", places=(Place("hall"),), anchors=(OTHER, Anchor("rack", "s2", "hall"))),
    }
    assert there.use(moved)
    for at_s in range(1, 5):
        step(there, at_s, heard(at_s, "door", -62))
    assert there.present("s1")[0].zone == "entrance"
    assert there.present("s2") == []


def test_a_store_that_is_gone_and_a_zone_that_is_gone_are_left() -> None:
    there = presence()
    step(there, 0, heard(0), heard(0, "other", shopper="bob"))
    there.use({"s1": Site(store="s1", places=(Place("shoes"),), anchors=(Anchor("door", "s1", None), RACK))})
    changes = step(there, 1)
    assert [(m.kind, m.shopper) for m in changes.moments] == [
        ("zone_left", "ann"),
        ("zone_left", "bob"),
        ("left", "bob"),
    ]


def test_whose_store_is_gone_may_be_asked_for_and_withdraw_before_time_goes_on() -> None:
    there = presence()
    step(there, 0, heard(0))
    there.use({})
    assert [p.zone for p in there.present("s1")] == [None]
    there.use(sites(Rules()))
    there.use({})
    changes = there.forget("ann", T0_MS + 1000)
    assert [type(r) for r in changes.records] == [StayClosed, VisitClosed]
    assert step(there, 2).records == []
    assert there.shoppers() == set()


def test_more_zones_than_are_counted_lose_nobody_and_stop_nothing() -> None:
    there = Presence()
    names = [f"z{n}" for n in range(MOST_ZONES)]
    site = Site(store="s1", places=tuple(map(Place, names)), anchors=(Anchor("door", "s1", names[-1]),))
    there.use({"s1": site})
    for at_s in range(4):
        step(there, at_s, heard(at_s))
    assert [p.zone for p in there.present("s1")] == names[-1:]
    there.use({"s1": msgspec.structs.replace(site, places=(Place("a"), *site.places))})
    assert kinds(step(there, 5, heard(5))) == ["zone_left"]
    assert [p.zone for p in there.present("s1")] == [None]


def test_a_gateway_that_is_taken_down_for_good_stops_nothing() -> None:
    there = presence()
    step(there, 0, heard(0))
    before = sites(Rules())
    there.use({**before, "s1": msgspec.structs.replace(before["s1"], anchors=(DOOR,))})
    step(there, 1, heard(1))
    assert [p.zone for p in there.present("s1")] == ["entrance"]


def test_another_model_of_its_radio_leaves_everybody_where_she_is() -> None:
    there = presence()
    for at_s in range(20):
        step(there, at_s, heard(at_s, "door" if at_s < 10 else "rack"))
    before = there.top("s1")
    assert before[0][1] == "shoes"
    assert there.use(sites(Rules()), {"s1": RadioModel(at_1m_dbm=-62)})
    assert there.top("s1") == before
    assert there.use(sites(Rules(stale_s=29)), {"s1": RadioModel(at_1m_dbm=-62)})
    assert there.top("s1")[0][1] == "shoes", "by what she was heard last, not by where she was before"


sightings = st.builds(
    lambda shopper, anchor, ago_ms, rssi, length: (shopper, anchor, ago_ms, rssi, length),
    st.sampled_from(["ann", "bob", "cyd"]),
    st.sampled_from(["door", "rack", "plain", "other"]),
    st.integers(0, 70_000),
    st.integers(-110, -30),
    st.integers(0, 3000),
)
Plan = list[tuple[int, list[tuple[str, str, int, int, int]]]]
schedule = st.lists(st.tuples(st.integers(0, 20_000), st.lists(sightings, max_size=4)), max_size=30)
RULES = Rules(leave_after_s=20, dwell_marks_s=(10, 30), stale_s=15, again_after_s=40)
NAMES = {subject(name): name for name in ("ann", "bob", "cyd")}


def timed(plan: Plan) -> list[tuple[list[Sight], int]]:
    now_ms, steps = T0_MS, []
    for wait_ms, rows in plan:
        now_ms += wait_ms
        last: dict[tuple[str, str], Sight] = {}
        for who, anchor, ago, rssi, length in rows:  # a row for each person and anchor
            last[who, anchor] = Sight(who, anchor, now_ms - ago - length, now_ms - ago, rssi, 1, now_ms)
        steps.append((list(last.values()), now_ms))
    return steps


def ready(rules: Rules = RULES) -> Presence:
    there = Presence()
    there.use(sites(rules))
    return there


def standing(there: Presence) -> Mapping[str, tuple[str | None, int, int]]:
    return {p.visit: (p.zone, p.last_ms, p.stay_since_ms) for store in ("s1", "s2") for p in there.present(store)}


@settings(max_examples=60)
@given(plan=schedule, at=st.integers(0, 30))
def test_a_checkpoint_and_the_journal_lead_to_where_the_live_run_is(plan: Plan, at: int) -> None:
    live, checkpoint = ready(), None
    journal: list[JournalEntry] = []
    for n, (sights, now_ms) in enumerate(timed(plan)):
        if n == at:
            checkpoint, journal = live.dump(), []
        changes = look(live, sights, now_ms)
        if sights or changes.records or changes.moments:
            journal.append(JournalEntry(now_ms, seen(live, sights), NAMES, changes.records))
    restored = ready()
    restored.replay(checkpoint, journal)
    assert standing(restored) == standing(live)
    assert restored.shoppers() >= {p.shopper for store in ("s1", "s2") for p in live.present(store)}


def test_whom_only_others_gateways_hear_triggers_nothing_also_after_a_crash() -> None:
    quiet = [msgspec.structs.replace(anchor, triggers=False) for anchor in (DOOR, RACK)]
    site = msgspec.structs.replace(sites(RULES)["s1"], anchors=(*quiet, PLAIN))

    def made() -> Presence:
        there = Presence()
        there.use({"s1": site})
        return there

    live, restored = made(), made()
    sights = [heard(0), heard(0, "plain", shopper="bob")]
    entered = look(live, sights, T0_MS)
    assert {(m.shopper, m.triggers) for m in entered.moments} == {("ann", False), ("bob", True)}
    restored.replay(None, [JournalEntry(T0_MS, seen(live, sights), NAMES, entered.records)])
    for there in (live, restored):
        there.listen(there.numbers, T0_MS + 1000)
        later = [
            m for s in range(1, 9) for m in step(there, s, heard(s, "rack"), heard(s, "rack", shopper="bob")).moments
        ]
        assert {(m.shopper, m.triggers) for m in later if m.kind == "zone_entered"} == {("ann", False), ("bob", True)}


@settings(max_examples=100)
@given(plan=schedule)
def test_every_visit_and_stay_opens_once_closes_once_and_in_order(plan: Plan) -> None:
    live = ready(Rules(leave_after_s=20, dwell_marks_s=(10, 30), stale_s=15, again_after_s=0))
    records: list[Any] = []
    moments: list[Moment] = []
    end_ms = T0_MS + 10**7
    for sights, now_ms in [*timed(plan), ([], end_ms)]:
        live.listen(live.numbers, now_ms)
        changes = look(live, sights, now_ms)
        records += changes.records
        moments += changes.moments
    assert live.present("s1") == live.present("s2") == []
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
    assert all(0 <= m.confidence <= 1 for m in moments)


def test_a_minute_of_the_floor_tells_how_long_zones_had_people_and_how_many_came() -> None:
    there, found = presence(leave_after_s=600), []
    for at_s in range(0, 130, 5):
        found += step(there, at_s, heard(at_s, rssi_dbm=-55), heard(at_s, rssi_dbm=-55, shopper="bob")).minutes
    assert [m.minute_ms % 60_000 for m in found] == [0] * len(found)
    assert {m.store for m in found} == {"s1"}
    assert sum(m.zones["entrance"][1] for m in found) == 2
    seconds = sum(m.zones["entrance"][0] for m in found)
    assert 180 <= seconds <= 250, "two people, for about two minutes"


def test_where_only_others_gateways_hear_her_triggers_nothing() -> None:
    there = Presence()
    theirs = Anchor("theirs", "s1", "shoes", triggers=False)
    there.use({"s1": Site(store="s1", places=(Place("entrance"), Place("shoes")), anchors=(DOOR, theirs))})
    first = step(there, 0, heard(0, rssi_dbm=-50)).moments
    assert [m.triggers for m in first] == [True, True]
    later: list[Moment] = []
    for at_s in range(1, 40):
        later += step(there, at_s, heard(at_s, "theirs", -45)).moments
    assert [(m.kind, m.zone, m.triggers) for m in later if m.kind != "zone_left"] == [
        ("zone_entered", "shoes", True),  # the door heard her just now
        ("dwelled", "shoes", False),
    ]
    assert not any(
        m.triggers for m in step(there, 60, heard(60, "theirs", shopper="bob")).moments if m.shopper == "bob"
    )


def test_whose_phone_places_her_is_known_although_gateways_are_down() -> None:
    there = Presence()
    shelf = Anchor("shelf", "s1", "shoes", is_fixture=True)
    there.use({"s1": Site(store="s1", places=(Place("entrance"), Place("shoes")), anchors=(DOOR, shelf))})
    there.deaf("door")
    for at_s in range(4):
        step(there, at_s, heard(at_s, "shelf", -55))
    assert [(p.zone, p.probability > 0.6) for p in there.present("s1")] == [("shoes", True)]
