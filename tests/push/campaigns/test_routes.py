"""A message takes the ways that she agreed to, in the order that was asked for, and no other."""

from hypothesis import given
from hypothesis import strategies as st

from push.campaigns.routes import ORDER, Policy, Wish, answered, plan, reach
from push.model.delivery import Basis, Route
from push.model.people import PURPOSES
from push.profiles.consent import Standing

PHONE = [Route("phone", "inapp"), Route("phone", "fcm", "shop")]
WAYS = [*PHONE, Route("tablet", "inapp"), Route("mailbox", "email", "shop"), Route("browser", "webpush")]
ALL = Standing(frozenset(PURPOSES))


def channels(routes: tuple[Route, ...]) -> list[str]:
    return [route.channel for route in routes]


def row(
    device: str, channel: str | None, platform: str = "android", suppressed: str | None = None, *, by_screen: int = 0
) -> dict[str, object]:
    return {
        "device": device, "channel": channel, "platform": platform, "app": "shop", "service": "",
        "suppressed": suppressed, "by_screen": by_screen,
    }  # fmt: skip


def test_apps_are_reached_without_an_address_and_mailboxes_only_by_theirs() -> None:
    assert reach([row("phone", "fcm"), row("phone", "webhook"), row("mailbox", "email", "email")]) == [
        Route("phone", "inapp"),
        Route("phone", "fcm", "shop"),
        Route("phone", "webhook", "shop"),
        Route("mailbox", "email", "shop"),
        Route("phone", "log"),
    ]
    assert reach([row("phone", None), row("mailbox", None, "email")]) == [
        Route("phone", "inapp"),
        Route("phone", "log"),
    ]


def test_what_is_suppressed_is_no_way() -> None:
    assert reach([row("mailbox", "email", "email", suppressed="bounced")]) == [Route("mailbox", "log")]


def test_a_screen_is_one_way_however_many_devices_she_has() -> None:
    rows = [row("phone", "fcm", by_screen=1), row("mailbox", "email", "email", by_screen=1)]
    assert [way for way in reach(rows) if way.channel == "screen"] == [Route("phone", "screen")]
    assert reach([]) == []


def test_all_ways_in_the_usual_order() -> None:
    found = plan(WAYS, ALL, Wish(), 0)
    assert found is not None
    assert channels(found.routes) == ["inapp", "inapp", "webpush", "fcm", "email"]
    assert found.later == ()
    assert found.channels == ("inapp", "webpush", "fcm", "email")


def test_only_the_channels_that_were_asked_for_in_their_order() -> None:
    found = plan(WAYS, ALL, Wish(policy=Policy(channels=("email", "fcm"))), 0)
    assert found is not None
    assert channels(found.routes) == ["email", "fcm"]
    assert plan(WAYS, ALL, Wish(policy=Policy(channels=("apns",))), 0) is None


def test_the_log_is_written_to_where_it_is_asked_for() -> None:
    ways = reach([row("phone", "fcm")])
    usual, asked = plan(ways, ALL, Wish(), 0), plan(ways, ALL, Wish(policy=Policy(channels=("log",))), 0)
    assert usual is not None
    assert asked is not None
    assert (channels(usual.routes), channels(asked.routes)) == (["inapp", "fcm"], ["log"])


def test_a_fallback_goes_channel_by_channel() -> None:
    found = plan(WAYS, ALL, Wish(policy=Policy(channels=("inapp", "fcm", "email"), fall_back_s=60)), 0)
    assert found is not None
    assert channels(found.routes) == ["inapp", "inapp"]
    assert [channels(step) for step in found.later] == [["fcm"], ["email"]]
    assert found.fall_back_s == 60


def test_the_channel_that_she_answers_on_comes_first() -> None:
    record = answered(
        [
            {"channel": "email", "handed_over": 10, "opened": 9},
            {"channel": "fcm", "handed_over": 10, "opened": 1},
            {"channel": "inapp", "handed_over": 1, "opened": 0},
        ]
    )
    found = plan(WAYS, ALL, Wish(policy=Policy(choose="answers"), answers=record), 0)
    assert found is not None
    order = channels(found.routes)
    assert order[0] == "email"
    assert order.index("fcm") > order.index("webpush"), "what nobody tried is likelier than what she passes over"


PURPOSE_SETS = st.frozensets(st.sampled_from(PURPOSES))


STANDINGS = st.builds(
    lambda granted, refused, until_ms: Standing(granted - refused, refused, until_ms),
    PURPOSE_SETS,
    PURPOSE_SETS,
    st.integers(0, 10),
)
POLICIES = st.builds(
    Policy,
    channels=st.lists(st.sampled_from(ORDER), max_size=4, unique=True).map(tuple),
    fall_back_s=st.none() | st.integers(10, 100),
)


@given(standing=STANDINGS, policy=POLICIES, basis=st.sampled_from(["marketing", "service"]))
def test_no_way_that_she_did_not_agree_to(standing: Standing, policy: Policy, basis: Basis) -> None:
    found = plan(WAYS, standing, Wish(basis, policy), 5)
    if found is None:
        return
    used = {route.channel for step in (found.routes, *found.later) for route in step}
    assert not used & standing.refused
    assert used <= set(policy.channels or ORDER)
    if basis == "marketing":
        assert "marketing" in standing.granted
        assert used <= standing.granted
        assert standing.snoozed_until_ms <= 5
