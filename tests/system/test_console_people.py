"""The console's pages about people, in a real browser, on a real server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from push.profiles.segments import asking
from tests.support.console import Chain, context, open_chain
from tests.support.known import CATEGORIES, MAIL, anna, others, tell
from tests.system.test_console import ARTEFACTS, signed_in, violations

pytestmark = [pytest.mark.system, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture
def browser(one_chromium: Browser) -> Browser:
    return one_chromium


@pytest_asyncio.fixture(loop_scope="session")
async def chain(tmp_path: Path) -> AsyncIterator[Chain]:
    async with open_chain(tmp_path, profiles=CATEGORIES) as running:
        await tell(running, [*anna(), *others()])
        yield running


async def find(page: Page, chain: Chain, kind: str, value: str) -> None:
    """Look for somebody, as operators do."""
    await page.goto(f"{chain.url}/console/people")
    await page.get_by_label("Kind").select_option(kind)
    await page.get_by_label("What she is known by").fill(value)
    await page.get_by_role("button", name="Find her").click()


async def first_sign_in(page: Page, url: str, login: str, password: str) -> None:
    """Sign in with a password for once, and choose another."""
    await page.goto(f"{url}/console/login")
    await page.get_by_label("Login").fill(login)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/console/settings/password")
    await page.get_by_label("Password until now").fill(password)
    for label in ("New password", "The same again"):
        await page.get_by_label(label, exact=True).fill("four other quiet words")
    await page.get_by_role("button", name="Change it").click()
    await page.wait_for_url("**/console/today")


async def test_somebody_is_found_by_what_she_is_known_by_and_shown_with_reasons(browser: Browser, chain: Chain) -> None:
    async with signed_in(browser, chain) as page:
        await find(page, chain, "email", "somebody@wolken.example")
        await expect(page.locator("#w-value")).to_contain_text("Nobody is known by this e-mail")
        assert await violations(page) == []
        await page.screenshot(path=ARTEFACTS / "people-light-desktop.png")

        await find(page, chain, "user_id", "K-4711")
        await expect(page.get_by_role("heading", level=1)).to_have_text("What is known of K-4711")
        assert MAIL not in page.url
        assert "K-4711" not in page.url
        await expect(page.get_by_role("region", name="Known by").get_by_text(MAIL)).to_be_visible()
        await expect(page.locator("#past")).to_be_visible()
        order = page.get_by_role("listitem").filter(has_text="Order Completed").first
        await order.get_by_text("What was said").click()
        await expect(order.get_by_text("order_id")).to_be_visible()
        assert await violations(page) == []
        await page.screenshot(path=ARTEFACTS / "person-light-desktop.png", full_page=True)

        await page.goto(f"{chain.url}/console/audit?action=look+at+person")
        await expect(page.get_by_text("look at person").first).to_be_visible()


async def test_a_merge_is_looked_at_foreseen_and_undone(browser: Browser, chain: Chain) -> None:
    async with signed_in(browser, chain) as page:
        await page.goto(f"{chain.url}/console/people")
        await expect(page.get_by_role("heading", name="One pair to look at")).to_be_visible()
        await find(page, chain, "user_id", "K-4711")
        await page.get_by_role("link", name="Who is who").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("is one person by 4 links")
        await expect(page.locator("svg.graph .node")).to_have_count(6)
        assert await violations(page) == []
        await page.screenshot(path=ARTEFACTS / "graph-light-desktop.png", full_page=True)

        row = page.get_by_role("row").filter(has_text="a.wolken@werk.example")
        await row.get_by_role("link", name="Undo").click()
        await expect(page.get_by_role("region", name="As it would be")).to_contain_text("2 people")
        assert await violations(page) == []
        await page.screenshot(path=ARTEFACTS / "link-light-desktop.png", full_page=True)
        await page.get_by_label("Why").fill("Her colleague's mailbox")
        await page.get_by_role("button", name="Cut it").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("is one person by 3 links")
        await expect(row).to_contain_text("Her colleague's mailbox")

        await row.get_by_role("link", name="Restore").click()
        await page.get_by_label("Why").fill("It was hers after all")
        await page.get_by_role("button", name="Let the rules decide").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("is one person by 4 links")


async def test_something_wrong_is_put_right_and_two_are_linked_by_hand(browser: Browser, chain: Chain) -> None:
    async with signed_in(browser, chain) as page:
        await find(page, chain, "user_id", "K-4711")
        await page.get_by_role("link", name="Put something right").click()
        await page.get_by_label("Trait").fill("shoeSize")
        await page.get_by_label("What is right").fill("39")
        await page.get_by_label("Why").first.fill("She wears 39, not 42")
        await page.get_by_role("button", name="Put it right").click()
        await expect(page.get_by_role("region", name="Put right so far")).to_contain_text("shoeSize: 39")
        assert await violations(page) == []
        await page.screenshot(path=ARTEFACTS / "rectify-light-desktop.png", full_page=True)
        await page.get_by_label("Which one is wrong").select_option(label="a.wolken@werk.example (e-mail)")
        await page.get_by_label("The right one").fill("anna.w@werk.example")
        await page.get_by_label("Why").last.fill("It was misspelled")
        await page.get_by_role("button", name="Replace it").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("is one person by 4 links")
        await expect(page.locator("svg.graph")).to_contain_text("anna.w@werk.exa")

        await page.get_by_role("link", name="Link with somebody").click()
        await page.get_by_label("What the other one is known by").fill("K-501@post.example")
        await page.get_by_role("button", name="Look what it would do").click()
        await expect(page.get_by_role("alert")).to_contain_text("A rule keeps them apart")
        await page.get_by_label("Kind").select_option("email")
        await page.get_by_label("What the other one is known by").fill("a.wolken@werk.example")
        await page.get_by_role("button", name="Look what it would do").click()
        await expect(page.get_by_role("region", name="As it would be")).to_contain_text("1 person")
        assert await violations(page) == []
        await page.screenshot(path=ARTEFACTS / "join-light-desktop.png", full_page=True)
        await page.get_by_label("Why").fill("She reads both")
        await page.get_by_role("button", name="Link them").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("is one person by 5 links")
        await page.goto(page.url.removesuffix("/graph"))
        put_right = page.get_by_role("listitem").filter(has_text="Something was put right")
        await expect(put_right).to_contain_text("She wears 39, not 42")


async def test_viewers_see_what_is_known_and_not_what_it_says(browser: Browser, chain: Chain) -> None:
    made = await chain.post("/v1/operators", {"login": "vera", "name": "Vera", "role": "viewer"})
    async with context(browser) as profile:
        page = await profile.new_page()
        await first_sign_in(page, chain.url, "vera", made["password"])
        await find(page, chain, "user_id", "K-4711")
        await expect(page.get_by_role("heading", level=1)).to_have_text("What is known of K-•••")
        for hidden in (MAIL, "K-4711", "Hamburg", "4711", "Order Completed", "wolken"):
            assert hidden not in await page.locator("main").inner_html()
        await page.get_by_role("link", name="Who is who").click()
        await expect(page.get_by_role("link", name="Undo")).to_have_count(0)
        assert "wolken" not in await page.content()
        await page.screenshot(path=ARTEFACTS / "graph-viewer-light-desktop.png", full_page=True)


async def test_what_somebody_asks_for_is_written_down_answered_and_carried_out(browser: Browser, chain: Chain) -> None:
    async with signed_in(browser, chain) as page:
        await page.goto(f"{chain.url}/console/privacy")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Nobody waits for an answer")
        await find(page, chain, "user_id", "K-4711")
        await page.get_by_role("link", name="What she may ask for").click()
        assert await violations(page) == []
        await page.screenshot(path=ARTEFACTS / "person-privacy-light-desktop.png", full_page=True)
        hers = page.url

        async with page.expect_download() as waiting:
            await page.get_by_role("link", name="Export to read").click()
        export = await asyncio.to_thread((await (await waiting.value).path()).read_text)
        assert MAIL in export
        assert "Order Completed" in export

        await page.get_by_role("button", name="Write it down").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("One request waits")
        assert await violations(page) == []
        await page.screenshot(path=ARTEFACTS / "privacy-light-desktop.png", full_page=True)
        await page.get_by_role("button", name="Answered").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Nobody waits for an answer")

        await page.goto(hers)
        await page.get_by_role("button", name="Enter her objection").click()
        await expect(page.get_by_text("She is neither profiled nor sent offers.")).to_be_visible()
        await page.get_by_role("link", name="K-4711").click()
        await expect(page.get_by_text("she does not agree to profiling")).to_be_visible()

        await page.goto(hers)
        await page.get_by_label("Type the word").fill("no")
        await page.get_by_role("button", name="Erase her for good").click()
        await expect(page.locator("#w-typed")).to_contain_text("Nothing is erased")
        await page.get_by_label("Type the word").fill("erase")
        await page.get_by_role("button", name="Erase her for good").click()
        await page.wait_for_url("**/console/people")
        await find(page, chain, "user_id", "K-4711")
        await expect(page.locator("#w-value")).to_contain_text("Nobody is known by this user id")
        assert (await page.goto(hers)) is not None
        await expect(page.get_by_role("heading", level=1)).to_have_text("There is no such person")


async def test_a_segment_is_built_from_rows_counted_saved_and_explained(
    browser: Browser, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with signed_in(browser, chain) as page:
        await page.goto(f"{chain.url}/console/segments")
        await page.get_by_role("link", name="Build a segment").first.click()
        await page.get_by_label("Name", exact=True).fill("Regulars")
        await page.get_by_role("button", name="Add a condition").press("Enter")
        await page.get_by_label("Fact", exact=True).fill("figures.orders")
        await page.get_by_label("Compares").select_option("at_least")
        await page.get_by_label("With", exact=True).fill("4")
        await expect(page.locator("#counted")).to_contain_text("would be in it")
        await expect(page.locator("#counted b")).to_have_text("3")
        monkeypatch.setattr(asking, "MOST_ASKED", 0)  # a sample says nothing of so few
        await page.get_by_role("button", name="Count", exact=True).click()
        await page.get_by_role("button", name="Ask everybody").click()
        await expect(page.locator("#counted")).to_contain_text("all of them asked")
        await expect(page.locator("#counted b")).to_have_text("3")
        await page.get_by_role("button", name="Add a group").press("Enter")
        await page.get_by_label("Kind of condition").last.select_option("consent")
        assert await violations(page) == []
        await page.screenshot(path=ARTEFACTS / "segment-new-light-desktop.png", full_page=True)
        await page.get_by_role("button", name="Save it").click()
        await page.wait_for_url("**/console/segments/regulars")
        await page.get_by_label("Kind", exact=True).select_option("user_id")
        await page.get_by_label("What she is known by").fill("K-4711")
        await page.get_by_role("button", name="Explain").click()
        await expect(page.get_by_text("figures.orders").last).to_be_visible()
        assert await violations(page) == []
        await page.screenshot(path=ARTEFACTS / "segment-light-desktop.png", full_page=True)
        regulars = page.url
        await page.goto(f"{chain.url}/console/segments")
        await page.get_by_role("link", name="People of this hour").click()
        await page.get_by_role("button", name="Save it").click()
        await page.wait_for_url("**/console/segments/people-of-this-hour")
        await page.goto(f"{regulars}/members")
        await expect(page.get_by_role("link", name="K-4711")).to_be_visible()
        await page.get_by_label("Another segment").select_option("people-of-this-hour")
        await page.get_by_role("button", name="Compare").click()
        await expect(page.get_by_text("Nobody of them is in People of this hour")).to_be_visible()
        assert await violations(page) == []
        await page.screenshot(path=ARTEFACTS / "members-light-desktop.png", full_page=True)
        await page.goto(f"{chain.url}/console/segments")
        await expect(page.get_by_role("link", name="Regulars")).to_be_visible()
        assert await violations(page) == []
