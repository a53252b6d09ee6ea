"""The book of credentials where things go wrong around it: a database that is away, a channel with a fault."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from push import ways
from push.channels import webhook
from push.channels.vapid import generate
from push.channels.webhook import Webhook, WebhookSettings
from push.channels.webpush import WebPush, WebPushSettings
from push.channels.webpush import connect as connect_web_push
from push.credentials import CredentialBook, Trade
from push.model.credentials import Asked, NoSuchCredentialError
from push.model.delivery import Checked
from push.model.errors import CredentialError, DatabaseError, PermanentError, TransientError
from push.model.ports import Credentialed
from tests.support.brokers import until
from tests.support.clocks import ShiftedClock
from tests.support.faulty import FaultyDatabase
from tests.support.fresh import open_database
from tests.support.hooks import notice
from tests.support.outbox import VAULT

HOOK = {"url": "https://127.0.0.1:1/hook"}


@pytest.fixture
async def db(any_url: str, tmp_path: Path) -> AsyncIterator[FaultyDatabase]:
    async with open_database(any_url or f"sqlite://{tmp_path}/push.db", ShiftedClock()) as opened:
        yield FaultyDatabase(opened)


@pytest.fixture(params=["sqlite", "postgresql"])
def any_url(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


def unchecked(credential: Mapping[str, object]) -> Asked:
    return Asked(credential=credential, actor="operator:test", check=False)


def book_of(db: FaultyDatabase, *channels: Credentialed) -> CredentialBook:
    by_name = {channel.name: channel for channel in channels}
    return CredentialBook(Trade(db, VAULT, ShiftedClock(), by_name, ways.complete, lambda *_: None))


@asynccontextmanager
async def at_work(book: CredentialBook) -> AsyncIterator[None]:
    task = asyncio.create_task(book.run())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()


async def test_what_could_not_be_stored_is_not_sent_with(db: FaultyDatabase) -> None:
    async with webhook.connect(WebhookSettings()) as channel:
        book = book_of(db, channel)
        db.refused = {"commit"}
        with pytest.raises(DatabaseError):
            await book.put("webhook", "default", unchecked(HOOK))
        await _has_no_credential(channel)
        db.refused = set()
        assert await book.all() == []
        await book.put("webhook", "default", unchecked(HOOK))
        with pytest.raises(CredentialError, match="address_not_public"):
            await channel.send(notice())


async def _has_no_credential(channel: Webhook) -> None:
    with pytest.raises(CredentialError, match="no_credential"):
        await channel.send(notice())


async def test_a_database_that_is_away_for_a_while_stops_nothing(db: FaultyDatabase) -> None:
    async with webhook.connect(WebhookSettings()) as channel:
        book, other = book_of(db, channel), book_of(db)
        with capture_logs() as logs:
            async with at_work(book):
                db.away = True
                await until(lambda: any("cannot be read" in line["event"] for line in logs))
                db.away = False
                asked = {"channel": "webhook", "app": "default"}
                async with db.transaction() as tx:
                    sealed = VAULT.seal(b'{"url":"https://127.0.0.1:1/hook"}', "credential:webhook:default")
                    await tx.execute(
                        "credentials.put", **asked, sealed=sealed, summary="", state="good", expires_ms=None,
                        warnings="[]", checked_ms=ShiftedClock().now_ms(), now_ms=ShiftedClock().now_ms(),
                    )  # fmt: skip
                await until(lambda: ("webhook", "default") in book.held)
        await other.load()
        assert [(info.state, info.reason) for info in await other.all()] == [("unusable", "no_such_channel")]
        assert not other.held


async def test_a_key_pair_that_another_process_made_is_kept(db: FaultyDatabase) -> None:
    """Although this one has not looked since: a new one would lose every subscription."""
    async with (
        connect_web_push(WebPushSettings(), generate()) as first,
        connect_web_push(WebPushSettings(), generate()) as second,
    ):
        one, two = book_of(db, first), book_of(db, second)
        await one.put("webpush", "shop", unchecked({"contact": "mailto:a@shop.example"}))
        await two.put("webpush", "shop", unchecked({"contact": "mailto:b@shop.example"}))
        assert _key(first) == _key(second)


def _key(channel: WebPush) -> str:
    return channel.application_server_keys["shop"]


class Faulty(Webhook):
    """A channel with a fault in it."""

    async def check(self, app: str, credential: Mapping[str, object]) -> Checked:
        raise ZeroDivisionError(f"a fault in {app}: {credential}")


async def test_a_fault_in_a_check_is_logged_and_told_as_no_answer(db: FaultyDatabase) -> None:
    async with webhook.connect(WebhookSettings()) as channel:
        channel.__class__ = Faulty
        book = book_of(db, channel)
        with capture_logs() as logs, pytest.raises(TransientError, match="check_failed"):
            await book.put("webhook", "shop", Asked(credential=HOOK, actor="operator:test"))
        assert [(line["event"], line["channel"], line["app"]) for line in logs] == [("check failed", "webhook", "shop")]
        assert await book.all() == []


async def test_what_is_put_is_refused_where_the_channel_is_not_here(db: FaultyDatabase) -> None:
    book = book_of(db)
    with pytest.raises(NoSuchCredentialError, match="no channel webhook that takes a credential"):
        await book.put("webhook", "shop", unchecked(HOOK))
    async with webhook.connect(WebhookSettings()) as channel:
        with pytest.raises(PermanentError, match="bad_credential: url"):
            await book_of(db, channel).put("webhook", "shop", unchecked({"url": "http://plain.example"}))


def test_what_is_asked_for_shows_no_secret() -> None:
    assert "127.0.0.1" not in repr(unchecked(HOOK))
