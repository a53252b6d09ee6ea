"""Who stands in front of a screen: sure only right at the anchor, never of what is old, and strangers count."""

from hypothesis import given
from hypothesis import strategies as st

from push.model.presence import Near, Stranger
from push.model.sites import Anchor, Place, Site
from push.presence.near import FRESH_MS, Heard, chance
from push.presence.presence import Presence
from tests.support.seeing import Sight, look

T0_MS = 1_700_000_000_000
FORGET_MS = 12_000
PLACES = (Place("screen"), Place("entrance"))
SITES = {
    "s1": Site(
        store="s1",
        places=PLACES,
        anchors=(
            Anchor("by-screen", "s1", "screen"),
            Anchor("door", "s1", "entrance"),
            Anchor("plain", "s1", None),
            Anchor("label", "s1", "screen", forgeable=True, is_fixture=True),
        ),
    ),
    "s2": Site(store="s2", places=PLACES, anchors=(Anchor("other", "s2", "screen"),)),
}
SURE = 0.95

zones = st.sampled_from(["screen", "entrance", None])
levels_dbm = st.floats(-120, 20)
times_ms = st.integers(T0_MS - 60_000, T0_MS + 60_000)
heard_anything = st.lists(st.builds(Heard, zones, levels_dbm, times_ms), max_size=6)


def presence() -> Presence:
    made = Presence()
    made.use(SITES)
    return made


def heard(shopper: str, anchor: str = "by-screen", rssi_dbm: float = -50, ago_ms: int = 0) -> Sight:
    return Sight(shopper, anchor, T0_MS - ago_ms, T0_MS - ago_ms, rssi_dbm, 1, T0_MS)


def near(there: Presence, after_ms: int = 0) -> dict[str | None, float]:
    return dict(there.near("s1", "screen", T0_MS + after_ms))


@given(heard=heard_anything, now_ms=times_ms)
def test_it_is_a_probability_whatever_was_heard(heard: list[Heard], now_ms: int) -> None:
    assert 0 <= chance(heard, "screen", now_ms, FORGET_MS) <= 1


@given(heard=heard_anything, now_ms=times_ms, later_ms=st.integers(0, 600_000))
def test_time_alone_never_makes_anybody_more_likely_to_be_there(heard: list[Heard], now_ms: int, later_ms: int) -> None:
    assert chance(heard, "screen", now_ms + later_ms, FORGET_MS) <= chance(heard, "screen", now_ms, FORGET_MS)


@given(heard=st.lists(st.builds(Heard, zones, levels_dbm, st.just(T0_MS)), max_size=6), level_dbm=levels_dbm)
def test_being_heard_elsewhere_never_speaks_for_here(heard: list[Heard], level_dbm: float) -> None:
    more = [*heard, Heard("entrance", level_dbm, T0_MS)]
    assert chance(more, "screen", T0_MS, FORGET_MS) <= chance(heard, "screen", T0_MS, FORGET_MS)


def test_only_right_at_the_anchor_is_anybody_surely_there() -> None:
    at = {dbm: chance([Heard("screen", dbm, T0_MS)], "screen", T0_MS, FORGET_MS) for dbm in (-50, -62, -65, -73, -90)}
    assert at[-50] > at[-62] > SURE > at[-65] > at[-73] == 0.5
    assert at[-90] < 0.01


def test_it_takes_a_clear_lead_over_the_next_best_place() -> None:
    def leading_by(db: float) -> float:
        return chance([Heard("screen", -50, T0_MS), Heard("entrance", -50 - db, T0_MS)], "screen", T0_MS, FORGET_MS)

    assert leading_by(20) > SURE > leading_by(10) > leading_by(0) > leading_by(-10)
    assert leading_by(0) <= 0.5


def test_an_anchor_without_a_zone_that_hears_her_better_speaks_against_it() -> None:
    there = presence()
    look(there, [heard("ann"), heard("ann", "plain", -45)], T0_MS)
    assert near(there)["ann"] < 0.5


def test_what_is_silent_decays_until_nobody_is_near() -> None:
    there = presence()
    look(there, [heard("ann")], T0_MS)
    assert near(there)["ann"] == near(there, FRESH_MS)["ann"] > SURE
    assert near(there, FRESH_MS + 1_000)["ann"] < SURE
    assert near(there, 30_000)["ann"] < 0.05


def test_two_people_at_one_anchor_are_both_near() -> None:
    there = presence()
    look(there, [heard("ann"), heard("bob", rssi_dbm=-75)], T0_MS)
    found = near(there)
    assert found["ann"] > SURE
    assert found["bob"] > 0.05


def test_what_anybody_may_claim_makes_nobody_sure_and_yet_somebody_near() -> None:
    there = presence()
    look(there, [heard("ann", "label", -30)], T0_MS)
    assert SURE > near(there)["ann"] > 0.8
    look(there, [heard("ann")], T0_MS)
    assert near(there)["ann"] > SURE


def test_somebody_who_is_heard_well_elsewhere_is_not() -> None:
    there = presence()
    look(there, [heard("ann"), heard("bob", "door"), heard("bob", rssi_dbm=-80)], T0_MS)
    assert near(there)["bob"] < 0.05


def test_another_stores_zone_of_the_same_name_is_another_place() -> None:
    there = presence()
    look(there, [heard("ann"), heard("bob", "other")], T0_MS)
    assert near(there).keys() == {"ann"}
    assert [n.shopper for n in there.near("s2", "screen", T0_MS)] == ["bob"]
    assert there.is_in("s1", "ann")
    assert not there.is_in("s2", "ann")


def test_who_left_the_store_is_not_near() -> None:
    there = presence()
    look(there, [heard("ann")], T0_MS)
    there.forget("ann", T0_MS)
    assert near(there) == {}
    assert there.present("s1") == []


def test_strangers_are_near_without_a_name_and_only_for_a_while() -> None:
    there = presence()
    look(there, [heard("ann")], T0_MS)
    there.note_strangers([Stranger("by-screen", -60, T0_MS), Stranger("door", -50, T0_MS)])
    found = near(there)
    assert found.keys() == {"ann", None}
    assert (found["ann"] > SURE, found[None] > SURE) == (True, True)
    assert near(there, 40_000)[None] < 0.05


def test_of_several_strangers_the_strongest_counts_until_it_falls_silent() -> None:
    there = presence()
    there.note_strangers([Stranger("by-screen", -60, T0_MS), Stranger("by-screen", -90, T0_MS + 1_000)])
    assert near(there, 1_000)[None] > SURE
    there.note_strangers([Stranger("by-screen", -90, T0_MS + 10_000)])
    assert near(there, 10_000)[None] < 0.05


def test_strangers_are_written_nowhere() -> None:
    there = presence()
    before = there.dump()
    there.note_strangers([Stranger("by-screen", -40, T0_MS)])
    assert there.dump() == before


def test_a_restart_still_knows_who_was_there_but_not_that_they_still_are() -> None:
    there, after = presence(), presence()
    look(there, [heard("ann")], T0_MS)
    after.replay(there.dump(), [])
    after.resume(T0_MS + 60_000)
    assert [p.shopper for p in after.present("s1")] == ["ann"]
    assert after.near("s1", "screen", T0_MS) == [Near("ann", near(there)["ann"])]
    assert dict(after.near("s1", "screen", T0_MS + 60_000))["ann"] < 0.05
