"""Credentials through the API, with real services: tried, sealed, in force at once, never shown."""

import asyncio
import base64
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import asyncpg
import msgspec
import pytest
from structlog.testing import capture_logs

from push import ways
from push.channels import webhook
from push.channels.webhook import Webhook
from push.credentials import LOOK_S, CredentialBook, Trade
from push.deliver.gates import GateSettings
from push.deliver.retry import RetrySettings
from push.deliver.sender import SenderSettings
from push.model.errors import CredentialError
from push.model.vault import Vault
from push.secrets import master_key
from tests.support.accounts import SECRETS, Services, figure, put, reaches, row, send, services
from tests.support.clocks import ShiftedClock
from tests.support.fcm_service import EMAIL, KEY_FILE, PROJECT, Fault
from tests.support.fresh import open_database
from tests.support.hooks import notice
from tests.support.mails import credential
from tests.support.patience import PATIENCE_S
from tests.support.servers import Answer, Caller, becomes, serving
from tests.support.smtp_service import HOST
from tests.support.smtp_service import Fault as MailFault
from tests.support.webhook_service import Reply

DAY_MS = 86_400_000
CHANNELS = ("fcm", "apns", "email", "webhook")
PATIENT = SenderSettings(
    retry=RetrySettings(base_ms=3_600_000, cap_ms=3_600_000),
    gate=GateSettings(closed_ms=600_000, longest_closed_ms=600_000),
)
"""Whoever was refused waits for a long time, unless something changes."""


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
async def shop(tmp_path: Path, clock: ShiftedClock) -> AsyncIterator[Services]:
    async with services(tmp_path / "services", clock) as running:
        yield running


@pytest.fixture
async def server(shop: Services, any_url: str, tmp_path: Path, clock: ShiftedClock) -> AsyncIterator[Caller]:
    """On each database."""
    async with serving(shop.settings(tmp_path / "data", database_url=any_url, sender=PATIENT), clock) as caller:
        yield caller


@pytest.fixture
async def one(shop: Services, tmp_path: Path, clock: ShiftedClock) -> AsyncIterator[Caller]:
    """On SQLite, for what has nothing to do with the database."""
    async with serving(shop.settings(tmp_path / "data", sender=PATIENT), clock) as caller:
        yield caller


def shows_no_secret(answer: Answer) -> bool:
    return not any(secret in answer.raw.decode() for secret in SECRETS)


# --- put --------------------------------------------------------------------------------------------------------------


async def test_a_good_credential_is_tried_stored_and_sent_with(server: Caller, shop: Services) -> None:
    said = {
        "fcm": f"project {PROJECT}, service account {EMAIL}",
        "apns": "team TEAM123456, key KEY1234567, topic com.example.shop",
        "email": f"offers@shop.example at {HOST}:{shop.smtp.port} (tls)",
        "webhook": shop.receiver.origin,
    }
    for channel in CHANNELS:
        answer = await put(server, f"{channel}/shop", shop.credential(channel))
        assert answer.status == 200, answer
        assert answer.json == await row(server, f"{channel}/shop")
        assert (answer.json["state"], answer.json["summary"]) == ("good", said[channel])
        assert (answer.json["reason"], answer.json["expires_ms"], answer.json["warnings"]) == (None, None, [])
        assert answer.json["checked_ms"] > 0
    for channel in CHANNELS:
        await reaches(server, await send(server, f"{channel}/shop"), state="accepted", channel=channel)
        assert shop.taken(channel) == 1
    assert await figure(server, 'footfall_credentials{state="good"}') == len(CHANNELS)
    assert await figure(server, 'footfall_gate_open{gate="fcm/shop/"}') == 1


NONE_AT_ALL: list[object] = [[], None, {"contact": 3}, {}]
MALFORMED: list[tuple[str, dict[str, object], str]] = [
    ("fcm", {"service_account": None}, "$.service_account"),
    ("fcm", {"service_account": {"project_id": "shop-1"}}, "missing required field `client_email`"),
    ("fcm", {"colour": "red"}, "unknown field `colour`"),
    ("apns", {"team_id": "short"}, "$.team_id"),
    ("apns", {"private_key": "none"}, "private_key"),
    ("email", {"port": 0}, "Expected `int` >= 1 - at `$.port`"),
    ("email", {"sender": "no address"}, "sender"),
    ("email", {"security": "none"}, "security: expected tls or starttls, or the host in plaintext_hosts"),
    ("webhook", {"url": "http://hooks.example/1"}, "url: expected an https URL"),
    ("webhook", {"secret": "short"}, "secret"),
    ("webhook", {"url": "https://hooks.example/" + "x" * 70_000}, "at most 65536 bytes"),
]


@pytest.mark.parametrize("query", ["", "?check=false"])
async def test_what_is_malformed_is_refused_by_field(one: Caller, shop: Services, query: str) -> None:
    for channel, changes, said in MALFORMED:
        answer = await put(one, f"{channel}/shop", shop.credential(channel, **changes), query)
        assert (answer.status, answer.json["title"]) == (400, "Does not fit"), answer
        assert said in answer.json["detail"]
        assert shows_no_secret(answer)
    for body in NONE_AT_ALL:
        assert (await put(one, "webpush/shop", body, query)).status == 400
    assert await one.operate("GET", "/v1/credentials") == []


async def test_what_is_not_understood_is_told(one: Caller, shop: Services) -> None:
    for query in ("?check=maybe", "?expires_ms=soon", "?expires_ms=-1", "?expires_ms="):
        assert (await put(one, "webhook/shop", shop.credential("webhook"), query)).status == 400
    for channel in ("inapp", "log", "carrier-pigeon"):
        answer = await put(one, f"{channel}/shop", {})
        assert answer.status == 404
        assert "there are apns, email, fcm, webhook, webpush" in answer.json["detail"]


async def test_what_its_service_refuses_is_not_stored_and_the_reason_is_told(server: Caller, shop: Services) -> None:
    other = {**KEY_FILE, "project_id": "other-1"}
    wrong = {
        "fcm": (shop.credential("fcm", service_account=other), "project_not_found (status 404)"),
        "apns": (shop.credential("apns", topic="com.example.other"), "topic_disallowed (status 400)"),
        "email": (credential(shop.smtp, password="wrong"), "login_refused (status 535)"),  # noqa: S106 - of the test
    }
    for channel, (body, reason) in wrong.items():
        answer = await put(server, f"{channel}/shop", body)
        assert (answer.status, answer.json["title"]) == (422, "Refused"), answer
        assert reason in answer.json["detail"]
        assert shows_no_secret(answer)
    assert await server.operate("GET", "/v1/credentials") == []


async def test_a_service_that_is_away_is_told_and_the_credential_may_be_stored_all_the_same(
    server: Caller, shop: Services
) -> None:
    shop.fcm.token_faults.append(Fault(status=503))
    answer = await put(server, "fcm/shop", shop.credential("fcm"))
    assert (answer.status, answer.json["title"]) == (503, "Not now"), answer
    assert "The service does not answer: oauth_unavailable (status 503)." in answer.json["detail"]
    assert "`?check=false` stores it all the same" in answer.json["detail"]
    assert shows_no_secret(answer)
    assert await server.operate("GET", "/v1/credentials") == []

    answer = await put(server, "fcm/shop", shop.credential("fcm"), "?check=false")
    assert (answer.status, answer.json["state"], answer.json["summary"]) == (200, "unchecked", "not tried yet")
    assert (answer.json["checked_ms"], shop.fcm.asked) == (None, [])

    await reaches(server, await send(server, "fcm/shop"), state="accepted")
    assert (await row(server, "fcm/shop"))["state"] == "good"


async def test_a_check_on_demand_says_how_a_credential_stands(server: Caller, shop: Services) -> None:
    await put(server, "fcm/shop", shop.credential("fcm"), "?check=false")
    path = "/v1/credentials/fcm/shop/check"
    checked = await server.operate("POST", path)
    assert (checked["state"], checked["summary"]) == ("good", f"project {PROJECT}, service account {EMAIL}")

    shop.fcm.faults.append(Fault(status=403))
    checked = await server.operate("POST", path)
    assert (checked["state"], checked["reason"]) == ("refused", "permission_denied")
    assert checked["warnings"] == ["the service refuses it: permission_denied"]

    shop.fcm.faults.append(Fault(status=503))
    answer = await server.call("POST", path, server.operator)
    assert (answer.status, "Its state stays" in answer.json["detail"]) == (503, True)
    assert (await row(server, "fcm/shop"))["state"] == "refused"
    assert (await server.operate("POST", path))["state"] == "good"
    assert (await server.call("POST", "/v1/credentials/fcm/x/check", server.operator)).status == 404


async def test_only_operators_see_and_change_credentials(one: Caller, shop: Services) -> None:
    await put(one, "webhook/shop", shop.credential("webhook"))
    for method, path in [("GET", ""), ("PUT", "/webhook/shop"), ("POST", "/webhook/shop/check")]:
        answer = await one.call(method, f"/v1/credentials{path}", one.app, {})
        assert answer.status == 403
    assert (await one.call("DELETE", "/v1/credentials/webhook/shop", one.app)).status == 403
    assert (await row(one, "webhook/shop"))["state"] == "good"


# --- in force ---------------------------------------------------------------------------------------------------------


async def test_a_credential_changes_while_messages_flow(server: Caller, shop: Services) -> None:
    await put(server, "webhook/shop", shop.credential("webhook", headers={"Authorization": "one"}))
    stop = asyncio.Event()
    sent: list[str] = []

    async def flow() -> None:
        while not stop.is_set():
            sent.append(await send(server, "webhook/shop"))

    async with asyncio.TaskGroup() as group:
        group.create_task(flow())
        await becomes(lambda: _posted(shop, "one"), "messages flow")
        answer = await put(server, "webhook/shop", shop.credential("webhook", headers={"Authorization": "two"}))
        changed = len(sent) + 2  # one may be on its way in
        assert answer.status == 200
        await becomes(lambda: _posted(shop, "two"), "messages flow on")
        stop.set()
    for delivery in sent:
        await reaches(server, delivery, state="accepted", attempt=1)
    posts = [request for request in shop.receiver.requests if request.method == "POST"]
    by_delivery = {request.headers["webhook-id"]: request.headers["Authorization"] for request in posts}
    assert {by_delivery[delivery] for delivery in sent[changed:]} <= {"two"}
    assert by_delivery[sent[-1]] == "two"


async def _posted(shop: Services, authorization: str) -> bool:
    heads = [r.headers["Authorization"] for r in shop.receiver.requests if r.method == "POST"]
    return heads.count(authorization) >= 5


@pytest.mark.parametrize("channel", CHANNELS)
async def test_without_its_credential_a_message_waits_and_goes_on_with_the_next(
    server: Caller, shop: Services, channel: str
) -> None:
    """At once, although its gate was closed, and its next attempt an hour away."""
    path = f"{channel}/shop"
    await put(server, path, shop.credential(channel))
    assert (await server.call("DELETE", f"/v1/credentials/{path}", server.operator)).status == 204
    assert await server.operate("GET", "/v1/credentials") == []
    assert (await server.call("DELETE", f"/v1/credentials/{path}", server.operator)).status == 404

    delivery = await send(server, path)
    await reaches(server, delivery, state="pending", reason="no_credential")
    assert shop.taken(channel) == 0
    assert await figure(server, f'footfall_gate_open{{gate="{path}/"}}') == 0

    await put(server, path, shop.credential(channel))
    await reaches(server, delivery, state="accepted")
    assert shop.taken(channel) == 1
    assert await figure(server, f'footfall_gate_open{{gate="{path}/"}}') == 1


async def test_one_apps_trouble_is_nobody_elses(server: Caller, shop: Services) -> None:
    await put(server, "webhook/shop", shop.credential("webhook"))
    waiting = await send(server, "webhook/other")
    await reaches(server, await send(server, "webhook/shop"), state="accepted")
    await reaches(server, waiting, state="pending", reason="no_credential")


async def test_what_senders_find_is_shown_until_it_is_mended(server: Caller, shop: Services) -> None:
    await put(server, "webhook/shop", shop.credential("webhook"))
    shop.receiver.replies.append(Reply(status=401))
    with capture_logs() as logs:
        delivery = await send(server, "webhook/shop")
        await reaches(server, delivery, state="pending", reason="credential_refused")
        found = await row(server, "webhook/shop")
        assert (found["state"], found["reason"]) == ("refused", "credential_refused")
        assert found["warnings"] == ["the service refuses it: credential_refused"]
    assert [line["why"] for line in logs if line["event"] == "credential needs attention"] == [
        "refused: credential_refused"
    ]
    assert await figure(server, 'footfall_credentials{state="refused"}') == 1

    await put(server, "webhook/shop", shop.credential("webhook", headers={"Authorization": "another"}))
    await reaches(server, delivery, state="accepted")
    assert (await row(server, "webhook/shop"))["state"] == "good"


async def test_another_process_uses_it_within_seconds(
    server: Caller, shop: Services, any_url: str, tmp_path: Path, clock: ShiftedClock
) -> None:
    asked = shop.settings(tmp_path / "data", database_url=any_url)
    vault = Vault(await asyncio.to_thread(master_key, asked.file("master.key")))
    changed: list[tuple[str, str]] = []
    async with open_database(asked.database(), clock) as db, webhook.connect(asked.webhook) as channel:
        trade = Trade(db, vault, clock, {"webhook": channel}, ways.complete, _noting(changed))
        async with running(trade) as book:
            await _put_and_deleted(server, shop, book, channel)
    assert changed == [("webhook", "shop")] * 2


async def _put_and_deleted(server: Caller, shop: Services, book: CredentialBook, channel: Webhook) -> None:
    await put(server, "webhook/shop", shop.credential("webhook"))
    async with asyncio.timeout(PATIENCE_S):
        await becomes(lambda: _counts(book, 1), "the other one has it")
    await channel.send(notice(app="shop"))
    await server.call("DELETE", "/v1/credentials/webhook/shop", server.operator)
    async with asyncio.timeout(PATIENCE_S):
        await becomes(lambda: _counts(book, 0), "the other one has it no more")
    with pytest.raises(CredentialError, match="no_credential"):
        await channel.send(notice(app="shop"))


def _noting(changed: list[tuple[str, str]]) -> Callable[[str, str], None]:
    return lambda channel, app: changed.append((channel, app))


@asynccontextmanager
async def running(trade: Trade) -> AsyncIterator[CredentialBook]:
    book = CredentialBook(trade)
    await book.load()
    task = asyncio.create_task(book.run())
    try:
        yield book
        assert not task.done()
    finally:
        task.cancel()


async def _counts(book: CredentialBook, good: int) -> bool:
    return book.counts()["good"] == good


# --- at rest ----------------------------------------------------------------------------------------------------------


async def test_secrets_are_sealed_at_rest_and_in_no_answer_and_no_log(
    server: Caller, shop: Services, any_url: str, tmp_path: Path
) -> None:
    with capture_logs() as logs:
        answers = [await put(server, f"{channel}/shop", shop.credential(channel)) for channel in CHANNELS]
        answers.append(await server.call("GET", "/v1/credentials", server.operator))
    assert {answer.status for answer in answers} == {200}
    assert all(map(shows_no_secret, answers))
    kept = await _database(any_url, tmp_path / "data")
    forms = [form for secret in SECRETS for form in (secret.encode(), base64.b64encode(secret.encode()))]
    assert not [form for form in forms if form in kept or form.decode() in repr(logs)]
    assert b"shop.example" in kept


async def _database(url: str, folder: Path) -> bytes:
    """Everything that is kept of credentials: SQLite's files, or PostgreSQL's table as it is dumped."""
    if not url:
        return await asyncio.to_thread(lambda: b"".join(path.read_bytes() for path in folder.glob("push.db*")))
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT * FROM credentials")
        return b"".join(repr(dict(found)).encode() + bytes(found["sealed"]) for found in rows)
    finally:
        await connection.close()


async def test_it_survives_a_restart(shop: Services, tmp_path: Path, clock: ShiftedClock) -> None:
    asked = shop.settings(tmp_path / "data")
    async with serving(asked, clock) as first:
        await put(first, "webhook/shop", shop.credential("webhook"))
    async with serving(asked, clock) as second:
        await reaches(second, await send(second, "webhook/shop"), state="accepted")


def seal_elsewhere(database: Path) -> None:
    """As if the rows had come from a backup under another master key."""
    sealed = Vault(secrets.token_bytes(32)).seal(b"{}", "credential:webhook:shop")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE credentials SET sealed = ?", (sealed,))


async def test_what_cannot_be_used_any_more_is_reported_and_keeps_nothing_from_starting(
    shop: Services, tmp_path: Path, clock: ShiftedClock
) -> None:
    asked = shop.settings(tmp_path / "data")
    async with serving(asked, clock) as first:
        await put(first, "webhook/shop", shop.credential("webhook"))
    await asyncio.to_thread(seal_elsewhere, tmp_path / "data" / "push.db")
    with capture_logs() as logs:
        async with serving(asked, clock) as second:
            found = await row(second, "webhook/shop")
            assert (found["state"], "is this the master key" in found["reason"]) == ("unusable", True)
            assert await figure(second, 'footfall_credentials{state="unusable"}') == 1
            await put(second, "webhook/other", shop.credential("webhook"))
            await reaches(second, await send(second, "webhook/other"), state="accepted")
            assert (await row(second, "webhook/shop"))["state"] == "unusable"
            assert (await put(second, "webhook/shop", shop.credential("webhook"))).json["state"] == "good"
    assert [line["app"] for line in logs if line["event"] == "credential cannot be used"] == ["shop"]


async def test_one_that_is_not_valid_any_more_takes_no_other_with_it(
    shop: Services, tmp_path: Path, clock: ShiftedClock
) -> None:
    """Where a setting changed, say: no mail server is trusted in the clear any more."""
    asked = shop.settings(tmp_path / "data")
    trusting = msgspec.structs.replace(asked.email, plaintext_hosts=(HOST,))
    async with serving(msgspec.structs.replace(asked, email=trusting), clock) as first:
        await put(first, "email/plain", credential(shop.smtp, security="none"), "?check=false")
        await put(first, "email/shop", shop.credential("email"))
    async with serving(asked, clock) as second:
        found = await row(second, "email/plain")
        assert (found["state"], "plaintext_hosts" in found["reason"]) == ("unusable", True)
        await reaches(second, await send(second, "email/shop"), state="accepted")


# --- what is said of them ---------------------------------------------------------------------------------------------


async def test_an_end_that_comes_near_is_said_everywhere(one: Caller, shop: Services, clock: ShiftedClock) -> None:
    ends_ms = clock.now_ms() + 20 * DAY_MS + 60_000
    answer = await put(one, "webhook/shop", shop.credential("webhook"), f"?expires_ms={ends_ms}")
    assert (answer.json["expires_ms"], answer.json["warnings"]) == (ends_ms, [])
    assert await figure(one, 'footfall_credentials{state="ending"}') == 0
    with capture_logs() as logs:
        clock.shift_ms += 7 * DAY_MS
        assert (await row(one, "webhook/shop"))["warnings"] == ["it ends in 13 days"]
        assert await figure(one, 'footfall_credentials{state="ending"}') == 1
        clock.shift_ms += 14 * DAY_MS
        assert (await row(one, "webhook/shop"))["warnings"] == ["it has ended"]
    said = [(line["app"], line["why"]) for line in logs if line["event"] == "credential needs attention"]
    assert said == [("shop", "it ends in 13 days")]


async def test_each_is_tried_again_once_a_day(one: Caller, shop: Services, clock: ShiftedClock) -> None:
    await put(one, "email/shop", shop.credential("email"))
    came = shop.smtp.connections
    clock.shift_ms += 23 * 3_600_000
    await asyncio.sleep(2 * LOOK_S)
    assert shop.smtp.connections == came
    shop.smtp.faults.extend([MailFault("AUTH", "535 5.7.8 not you")] * 2)  # by each mechanism
    clock.shift_ms += 3_600_000
    await becomes(lambda: _is(one, "email/shop", "refused"), "the refusal is found")
    assert shop.smtp.connections == came + 1
    assert (await row(one, "email/shop"))["reason"] == "login_refused"


async def _is(server: Caller, path: str, state: str) -> bool:
    return bool((await row(server, path))["state"] == state)


async def test_apps_are_offered_what_there_is(server: Caller, shop: Services) -> None:
    always = ["location", "marketing", "profiling", "inapp", "webpush"]
    assert await _offered(server) == always
    await put(server, "email/shop", shop.credential("email"))
    await put(server, "apns/shop", shop.credential("apns"))
    await put(server, "fcm/shop", shop.credential("fcm"))
    assert await _offered(server) == [*always, "fcm", "apns", "email"]


async def _offered(server: Caller) -> list[str]:
    config = (await server.call("GET", "/v1/app/config", server.app)).json
    return [purpose["id"] for purpose in config["purposes"]]


async def test_an_app_has_a_key_pair_for_web_push_of_its_own(server: Caller, shop: Services) -> None:
    del shop
    usual = (await server.call("GET", "/v1/app/config", server.app)).json["application_server_key"]
    assert (await server.call("GET", "/v1/app/config?app=shop", server.app)).status == 404

    answer = await put(server, "webpush/shop", {"contact": "mailto:a@shop.example", "private_key": ""})
    made = (await server.call("GET", "/v1/app/config?app=shop", server.app)).json["application_server_key"]
    assert (answer.json["summary"], len(made)) == (made, 87)
    assert made != usual

    await put(server, "webpush/shop", {"contact": "mailto:b@shop.example"})
    again = (await server.call("GET", "/v1/app/config?app=shop", server.app)).json["application_server_key"]
    assert again == made, "a new one would lose every subscription"
    assert (await server.call("GET", "/v1/app/config", server.app)).json["application_server_key"] == usual


async def test_an_app_without_web_push_has_no_key(one: Caller, shop: Services) -> None:
    await put(one, "fcm/phones", shop.credential("fcm"))
    config = (await one.call("GET", "/v1/app/config?app=phones", one.app)).json
    assert config["application_server_key"] is None


async def test_changes_are_kept_in_the_audit_trail(one: Caller, shop: Services, tmp_path: Path) -> None:
    await put(one, "webhook/shop", shop.credential("webhook"))
    await one.call("DELETE", "/v1/credentials/webhook/shop", one.operator)

    def trail() -> list[tuple[str, str]]:
        with closing(sqlite3.connect(tmp_path / "data" / "push.db")) as connection:
            return connection.execute("SELECT actor, action FROM audit WHERE subject = 'webhook/shop'").fetchall()

    found = await asyncio.to_thread(trail)
    assert [action for _, action in found] == ["put credential", "delete credential"]
    assert all(actor.startswith("operator:") for actor, _ in found)
