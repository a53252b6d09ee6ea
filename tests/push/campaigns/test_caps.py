"""Caps, against a model that counts: over hours and calendar windows, of all messages and of some."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from push.campaigns.budgets import ids
from push.campaigns.caps import HOUR_MS, Over, Tally, furthest, over, over_any
from push.campaigns.timing import window_from_ms
from push.model.campaigns import Budget, Cap, Within
from push.model.decisions import Touch

BERLIN = ZoneInfo("Europe/Berlin")
NOW_MS = 1_793_620_800_000
"""2026-11-02 13:00 in Berlin: a Monday, a week after the clocks were put back."""
DAY_MS = 24 * HOUR_MS
WITHIN: tuple[Within, ...] = ("visit", "day", "week", "month", "ever")


def touch(
    ago_h: float = 1, *, campaign: str = "a", tags: tuple[str, ...] = (), channel: str = "inapp", is_here: bool = False
) -> Touch:
    at_ms = NOW_MS - int(ago_h * HOUR_MS)
    return Touch(campaign=campaign, tags=tags, channel=channel, store="s1", is_here=is_here, at_ms=at_ms)


def asked(cap: Cap, *sent: Touch, campaign: str = "a", tags: tuple[str, ...] = (), store: str = "s1") -> Over | None:
    tally = Tally(sent, BERLIN, NOW_MS)
    return over(cap, tally, campaign=campaign, channel="inapp", store=store, tags=tags)


touches = st.lists(
    st.builds(
        touch,
        st.sampled_from([0, 0.5, 12.99, 13, 13.01, 24, 37, 167, 400, 745, 9000]),
        campaign=st.sampled_from("ab"),
        tags=st.sampled_from([(), ("t",), ("t", "u"), ("t", "t")]),
        channel=st.sampled_from(["inapp", "email"]),
        is_here=st.booleans(),
    ),
    max_size=8,
)
caps = st.builds(
    Cap,
    of=st.sampled_from(["all", "campaign", "tag", "channel", "store"]),
    tag=st.sampled_from(["t", "u"]),
    channel=st.sampled_from([None, "inapp", "email"]),
    most=st.integers(0, 4),
    within=st.sampled_from([None, *WITHIN]),
    hours=st.sampled_from([None, 1, 13, 24, 168]),
)


def model(cap: Cap, sent: list[Touch]) -> bool:
    """Whether one more message of "a", tagged "t", by "inapp", in "s1" would be too many."""
    if (cap.of, cap.tag) == ("tag", "u") or (cap.of, cap.channel) == ("channel", "email"):
        return False
    own = [each for each in sent if _is_counted(cap, each)]
    used = [] if cap.hours is None else [sum(each.at_ms > NOW_MS - cap.hours * HOUR_MS for each in own)]
    if cap.within == "visit":
        used.append(sum(each.is_here for each in own))
    elif cap.within is not None or cap.hours is None:
        used.append(sum(each.at_ms >= window_from_ms(cap.within or "ever", BERLIN, NOW_MS) for each in own))
    return max(used) >= cap.most


def _is_counted(cap: Cap, sent: Touch) -> bool:
    if cap.of == "tag":
        return "t" in sent.tags
    if cap.of == "channel":
        return sent.channel == "inapp"
    return cap.of != "campaign" or sent.campaign == "a"


@settings(max_examples=200)
@given(cap=caps, sent=touches)
def test_a_cap_counts_what_it_is_of(cap: Cap, sent: list[Touch]) -> None:
    assert (asked(cap, *sent, tags=("t",)) is not None) == model(cap, sent)


@settings(max_examples=100)
@given(cap=caps.filter(lambda cap: cap.within != "visit"), sent=touches)
def test_there_is_room_when_it_says_and_not_before(cap: Cap, sent: list[Touch]) -> None:
    full = asked(cap, *sent, tags=("t",))
    if full is not None and full.free_ms is not None:
        for at_ms, is_full in ((full.free_ms - 1, True), (full.free_ms, False)):
            tally = Tally(sent, BERLIN, at_ms)
            again = over(cap, tally, campaign="a", channel="inapp", store="s1", tags=("t",))
            assert (again is not None) is is_full


@pytest.mark.parametrize(
    ("cap", "why", "free_h"),
    [
        (Cap(most=3, within="week"), None, None),
        (Cap(most=2, within="week"), "she was sent 2 messages this week, and 2 may be", 155),
        (Cap(most=2, hours=24), "she was sent 2 messages in the last 24 hours, and 2 may be", 20),
        (Cap(most=1, hours=24), "she was sent 2 messages in the last 24 hours, and 1 may be", 23),
        (Cap(most=1, hours=1), None, None),
        (Cap(most=1, within="day", of="campaign"), "she was sent 2 messages of this campaign today, and 1 may be", 11),
        (Cap(most=1, within="visit"), "she was sent 1 message during this visit, and 1 may be", None),
        (Cap(most=0, of="channel"), "no message by inapp may be sent", None),
        (Cap(most=1, of="store"), "she was sent 2 messages in this store so far, and 1 may be", None),
    ],
)
def test_it_says_why_and_until_when(cap: Cap, why: str | None, free_h: int | None) -> None:
    free_ms = None if free_h is None else NOW_MS + free_h * HOUR_MS
    assert asked(cap, touch(4), touch(1, is_here=True)) == (None if why is None else Over(why, free_ms))


def test_who_is_in_no_store_meets_no_cap_of_stores() -> None:
    cap = Cap(most=1, of="store", within="day")
    assert asked(cap, touch()) is not None
    assert asked(cap, touch(), store="") is None


def test_of_several_caps_the_first_is_named_and_there_is_room_when_all_have_some() -> None:
    day, hours, rest = Cap(most=1, within="day"), Cap(most=2, hours=24), Cap(most=5)
    tally = Tally([touch(4), touch(1)], BERLIN, NOW_MS)
    full = over_any((rest, day, hours), tally, campaign="a", channel="inapp", store="s1", tags=())
    assert full == Over("she was sent 2 messages today, and 1 may be", NOW_MS + 20 * HOUR_MS)
    never = Cap(most=2, within="ever")
    full = over_any((day, never, hours), tally, campaign="a", channel="inapp", store="s1", tags=())
    assert full is not None
    assert full.free_ms is None


def test_how_many_old_messages_caps_need() -> None:
    month = 35 * DAY_MS
    assert furthest([Cap(most=9, within=within) for within in WITHIN[:-1]], month) == 0
    assert furthest([Cap(most=9, hours=24 * 35), Cap(most=3, hours=24 * 36), Cap(most=2)], month) == 3
    assert furthest([Cap(most=4, hours=1, within="ever"), Cap(most=1, within="ever")], month) == 4


def test_a_budget_has_a_counter_for_each_of_its_windows() -> None:
    budgets = [
        Budget(most=5),
        Budget(most=3, within="hour"),
        Budget(of="store", most=3, within="day"),
        Budget(of="chain", most=3, within="month"),
    ]
    named = ids(budgets, campaign="c", store="s1", now_ms=NOW_MS)
    assert named == (
        "budget:campaign:c:ever",
        "budget:campaign:c:hour:2026-11-02T12",
        "budget:chain:month:2026-11",
        "budget:store:s1:day:2026-11-02",
    )
    assert ids(budgets[2:3], campaign="c", store="", now_ms=NOW_MS) == (), "in no store"
