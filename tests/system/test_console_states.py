"""What the console says when something is broken: findings with their next step, and a database that is away."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from push.database.open import open_database
from push.health import keeping
from push.health.judge import Changes
from push.model.health import Finding, Kind, Severity
from push.parts import SystemClock
from tests.support.console import STORE, Chain, context, open_chain, sign_in

pytestmark = [pytest.mark.system, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="session")]

ARTEFACTS = Path(__file__).parents[2] / "artefacts" / "console"
MINUTE_MS = 60_000


@pytest_asyncio.fixture(loop_scope="session")
async def chain(tmp_path: Path, postgres_url: str) -> AsyncIterator[Chain]:
    async with open_chain(tmp_path, database_url=postgres_url) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def page(chain: Chain, one_chromium: Browser) -> AsyncIterator[Page]:
    async with context(one_chromium) as profile:
        made = await profile.new_page()
        await sign_in(made, chain.url)
        yield made


def finding(id_: str, kind: Kind, subject: str, severity: Severity, says: tuple[str, str]) -> Finding:
    now_ms = SystemClock().now_ms()
    return Finding(
        id=id_,
        kind=kind,
        subject_kind="gateway" if subject.startswith("gw-") else "beacon",
        subject=subject,
        store=STORE,
        severity=severity,
        since_ms=now_ms - 4 * MINUTE_MS,
        opened_ms=now_ms - 3 * MINUTE_MS,
        says=says[0],
        next_step=says[1],
    )


DEAF = (
    "The café gateway hears a third of what its neighbours say it should",
    "Restart it; if that does not help, look at its antenna.",
)
EMPTY = ("F-0311 will be empty about 29 November", "Take a CR2477 along.")


async def test_findings_say_what_to_do_and_can_be_quieted_for_today(
    page: Page, chain: Chain, postgres_url: str
) -> None:
    found = [finding("f1", "deaf", "gw-cafe", "now", DEAF), finding("f2", "battery_low", "F-0311", "soon", EMPTY)]
    async with open_database(postgres_url, SystemClock()) as db, db.transaction() as tx:
        await keeping.put_changes(tx, Changes(found, [], []))
    await page.goto(f"{chain.url}/console/today")
    needs = page.get_by_role("region", name="What needs a hand")
    await expect(needs).to_contain_text("hears a third")
    await expect(page.get_by_role("link", name="Health")).to_contain_text("2")
    await page.screenshot(path=ARTEFACTS / "today-needs-light-desktop.png")

    await page.goto(f"{chain.url}/console/health")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Two things need a hand")
    await page.screenshot(path=ARTEFACTS / "health-found-light-desktop.png")
    first = page.get_by_role("article").first
    await expect(first).to_contain_text("look at its antenna")
    await first.get_by_role("button", name="Quiet for today").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("One thing needs a hand")
    await expect(page.get_by_text("anouk takes care of it until")).to_be_visible()
    await page.get_by_role("button", name="Nobody takes care of it").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Two things need a hand")


async def away(url: str, *, allowed: bool) -> None:
    """Let nobody into the database, and end whoever is in; or let everybody in again."""
    name = urlsplit(url).path.lstrip("/")
    connection = await asyncpg.connect(url, database="postgres")
    await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {'true' if allowed else 'false'}")
    if not allowed:
        await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
    await connection.close()


async def test_without_a_database_pages_say_what_still_works_and_come_back(
    page: Page, chain: Chain, postgres_url: str
) -> None:
    async with chain.floor.on_air(chain.running.broker_url):
        await chain.crowd({"shoes": 6})
        await page.goto(f"{chain.url}/console/floor/{STORE}")
        await expect(page.locator("#members b")).to_have_text("6", timeout=15_000)
        floor = page
        other = await page.context.new_page()
        await away(postgres_url, allowed=False)
        try:
            await expect(floor.locator("#stale")).to_contain_text("The database does not answer", timeout=30_000)
            answer = await other.goto(f"{chain.url}/console/stores")
            assert answer is not None
            assert answer.status == 503
            await expect(other.get_by_role("heading", level=1)).to_have_text("The database does not answer")
            await expect(other.get_by_text("Gateways go on hearing")).to_be_visible()
            await other.screenshot(path=ARTEFACTS / "database-away-light-desktop.png")
        finally:
            await away(postgres_url, allowed=True)
        await expect(other.get_by_role("heading", level=1)).to_have_text("2 stores", timeout=30_000)
        await expect(floor.locator("#stale")).to_be_empty(timeout=30_000)
