"""The screen channel: refused with a reason unless all holds, and taken off as soon as anything does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import msgspec
import pytest

from push.channels.screen import OpenScreens, ScreenChannel, ScreenPage, ScreenSettings
from push.model.delivery import Accepted, Action, Basis, Content, Message, Outgoing
from push.model.errors import OutcomeUnknownError, UnreachableError
from push.model.screens import Sight

NOW_MS = 1_800_000_000_000
ALONE = Sight(has_screens=True, screens=("wall",), alone=True)


class SetStage:
    """`push.model.screens.Stage` that says what a test wants of everybody."""

    def __init__(self) -> None:
        self.sights: dict[str, Sight] = {}

    def sight(self, shopper: str, now_ms: int) -> Sight:
        del now_ms
        return self.sights.get(shopper, ALONE)


def outgoing(name: str = "m1", shopper: str = "ann", basis: Basis = "marketing", lifetime_ms: int = 60_000) -> Outgoing:
    message = Message(
        id=name,
        shopper=shopper,
        campaign="c",
        content=Content(title="Your colour", body="is back", image="https://shop.example/shoe.jpg"),
        created_ms=NOW_MS,
        expires_ms=NOW_MS + lifetime_ms,
        collapse_key="c",
        basis=basis,
    )
    return Outgoing(delivery=f"dlv-{name}", device="d1", message=message, address={}, now_ms=NOW_MS)


async def nicknames(shopper: str) -> str | None:
    return {"ann": "Anouk", "bob": "B"}.get(shopper)


@pytest.fixture
def stage() -> SetStage:
    return SetStage()


@pytest.fixture
def screens(stage: SetStage) -> OpenScreens:
    return OpenScreens(stage)


@pytest.fixture
def channel(screens: OpenScreens) -> ScreenChannel:
    return ScreenChannel(screens, nicknames, ScreenSettings(), write_timeout_s=0.1)


@pytest.fixture
async def page(screens: OpenScreens) -> AsyncIterator[ScreenPage]:
    async with screens.connect("wall") as opened:
        yield opened


async def taken(page: ScreenPage) -> None:
    """What a page's writer does."""
    while (shown := page.showing(NOW_MS)) is None:
        await page.wait(5)
    shown.begin()
    shown.settle(written=True)


async def greeted(channel: ScreenChannel, page: ScreenPage, message: Outgoing | None = None) -> Accepted:
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(channel.send(message or outgoing()))
        await taken(page)
    return sending.result()


async def refusal(channel: ScreenChannel, message: Outgoing | None = None) -> str:
    with pytest.raises(UnreachableError) as caught:
        await channel.send(message or outgoing())
    return caught.value.reason


async def test_a_greeting_is_accepted_once_a_page_has_it_in_its_socket(
    channel: ScreenChannel, page: ScreenPage
) -> None:
    accepted = await greeted(channel, page)
    assert accepted == Accepted(reference="wall", dropped=("urgency", "collapse_key"))
    shown = page.showing(NOW_MS)
    assert shown is not None
    assert msgspec.structs.asdict(shown.greeting) == {
        "delivery": "dlv-m1",
        "greeting": "Hello Anouk",
        "title": "Your colour",
        "body": "is back",
        "image": "https://shop.example/shoe.jpg",
        "show_ms": 20_000,
    }


@pytest.mark.parametrize(
    ("sight", "reason"),
    [
        (Sight(), "no_screen"),
        (Sight(has_screens=True), "nobody_there"),
        (Sight(has_screens=True, screens=("wall",)), "not_alone"),
        (Sight(has_screens=True, screens=("other",), alone=True), "screen_off"),
    ],
)
async def test_whatever_is_missing_is_a_reason_to_try_another_channel(
    channel: ScreenChannel, page: ScreenPage, stage: SetStage, sight: Sight, reason: str
) -> None:
    stage.sights["ann"] = sight
    assert await refusal(channel) == reason
    assert page.showing(NOW_MS) is None


async def test_without_a_nickname_nobody_is_greeted(channel: ScreenChannel, page: ScreenPage) -> None:
    assert await refusal(channel, outgoing(shopper="cyd")) == "no_nickname"
    assert page.showing(NOW_MS) is None


async def test_what_somebody_is_owed_is_nothing_for_the_public(channel: ScreenChannel, page: ScreenPage) -> None:
    assert await refusal(channel, outgoing(basis="service")) == "not_in_public"
    assert page.showing(NOW_MS) is None


async def test_one_at_a_time_and_the_next_when_it_is_over(channel: ScreenChannel, page: ScreenPage) -> None:
    await greeted(channel, page)
    assert await refusal(channel, outgoing("m2", "bob")) == "screen_busy"
    later = msgspec.structs.replace(outgoing("m3", "bob"), now_ms=NOW_MS + 20_000)
    sending = asyncio.create_task(channel.send(later))
    await asyncio.sleep(0)
    await page.wait(5)
    shown = page.showing(NOW_MS + 20_000)
    assert shown is not None
    shown.settle(written=True)
    assert (await sending).reference == "wall"


async def test_a_second_screen_in_reach_takes_what_the_first_has_no_time_for(
    channel: ScreenChannel, screens: OpenScreens, page: ScreenPage, stage: SetStage
) -> None:
    stage.sights = dict.fromkeys(("ann", "bob"), Sight(has_screens=True, screens=("wall", "mirror"), alone=True))
    async with screens.connect("mirror") as mirror:
        assert (await greeted(channel, page)).reference == "wall"
        assert (await greeted(channel, mirror, outgoing("m2", "bob"))).reference == "mirror"


@pytest.mark.parametrize(
    "sight", [Sight(), Sight(has_screens=True), Sight(has_screens=True, screens=("wall",)),
              Sight(has_screens=True, screens=("mirror",), alone=True)],
)  # fmt: skip
async def test_it_is_off_as_soon_as_it_does_not_hold_and_stays_off(
    channel: ScreenChannel, page: ScreenPage, stage: SetStage, sight: Sight
) -> None:
    await greeted(channel, page)
    assert page.showing(NOW_MS + 1000) is not None
    stage.sights["ann"] = sight
    assert page.showing(NOW_MS + 2000) is None
    stage.sights["ann"] = ALONE
    assert page.showing(NOW_MS + 3000) is None


@pytest.mark.parametrize(("lifetime_ms", "ends_ms"), [(60_000, 20_000), (7_000, 7_000)])
async def test_its_time_ends_with_the_setting_or_with_the_message(
    channel: ScreenChannel, page: ScreenPage, lifetime_ms: int, ends_ms: int
) -> None:
    await greeted(channel, page, outgoing(lifetime_ms=lifetime_ms))
    assert page.showing(NOW_MS + ends_ms - 1) is not None
    assert page.showing(NOW_MS + ends_ms) is None


async def test_a_clock_that_was_set_back_ends_it(channel: ScreenChannel, page: ScreenPage) -> None:
    await greeted(channel, page)
    assert page.showing(NOW_MS - 1) is None


async def test_it_is_taken_off_for_her_and_nobody_else_and_the_page_is_woken(
    channel: ScreenChannel, screens: OpenScreens, page: ScreenPage
) -> None:
    await greeted(channel, page)
    await page.wait(5)
    screens.take_off("bob")
    assert page.showing(NOW_MS) is not None
    screens.take_off("ann")
    async with asyncio.timeout(30):
        await page.wait(60)
    assert page.showing(NOW_MS) is None


async def test_what_changes_while_it_is_on_its_way_is_looked_at(
    channel: ScreenChannel, page: ScreenPage, stage: SetStage
) -> None:
    sending = asyncio.create_task(channel.send(outgoing()))
    await page.wait(5)
    stage.sights["ann"] = Sight(has_screens=True, screens=("wall",))
    assert page.showing(NOW_MS) is None
    with pytest.raises(UnreachableError, match="screen_went_away"):
        await sending


async def test_a_page_that_goes_away_took_nothing_with_it(channel: ScreenChannel, screens: OpenScreens) -> None:
    async with AsyncExitStack() as stack:
        page = await stack.enter_async_context(screens.connect("wall"))
        sending = asyncio.create_task(channel.send(outgoing()))
        await page.wait(5)
        await stack.aclose()
    with pytest.raises(UnreachableError, match="screen_went_away"):
        await sending
    assert await refusal(channel) == "screen_off"
    async with screens.connect("wall") as again:
        assert again.showing(NOW_MS) is None
    assert (screens.connected, screens.pages("wall")) == (0, 0)


async def test_a_page_that_never_takes_it_is_off(channel: ScreenChannel, page: ScreenPage) -> None:
    assert await refusal(channel) == "screen_off"
    assert page.showing(NOW_MS) is None


async def test_a_page_that_began_and_never_ended_leaves_the_outcome_unknown(
    channel: ScreenChannel, page: ScreenPage
) -> None:
    sending = asyncio.create_task(channel.send(outgoing()))
    await page.wait(5)
    shown = page.showing(NOW_MS)
    assert shown is not None
    shown.begin()
    with pytest.raises(OutcomeUnknownError):
        await sending
    assert page.showing(NOW_MS) is None


async def test_a_sender_that_stops_leaves_nothing_on_a_screen(channel: ScreenChannel, page: ScreenPage) -> None:
    sending = asyncio.create_task(channel.send(outgoing()))
    await page.wait(5)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    assert page.showing(NOW_MS) is None


async def test_mirrored_pages_show_the_same_and_one_too_many_ends_the_oldest(
    channel: ScreenChannel, screens: OpenScreens, page: ScreenPage
) -> None:
    async with AsyncExitStack() as stack:
        others = [await stack.enter_async_context(screens.connect("wall")) for _ in range(3)]
        await greeted(channel, others[0])
        assert all(one.showing(NOW_MS) is not None for one in (page, *others))
        await stack.enter_async_context(screens.connect("wall"))
        assert (page.ended, others[0].ended, screens.pages("wall")) == (True, False, 4)


async def test_closing_ends_pages_and_those_to_come(screens: OpenScreens, page: ScreenPage) -> None:
    screens.close()
    assert page.ended
    async with screens.connect("wall") as late:
        assert late.ended


def test_it_says_what_nobody_can_tap(channel: ScreenChannel) -> None:
    content = Content(
        title="t",
        body="b",
        url="https://x.example",
        actions=(Action(title="Go", url="/"),),
        data={"k": "v"},
        locale="de",
    )
    message = msgspec.structs.replace(outgoing().message, content=content)
    dropped = channel.fit(msgspec.structs.replace(outgoing(), message=message))
    assert dropped == ("url", "actions", "data", "locale", "urgency", "collapse_key")
