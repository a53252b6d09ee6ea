"""One click in a real mail ends e-mail, at once and for good: by its page, or by what a mail program posts."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from push.api import unsubscribe
from push.api.server import application
from push.api.unsubscribe import Link
from push.channels.email import EmailSettings
from push.channels.inapp import EventStreams
from push.model.vault import Vault
from push.settings import HttpSettings
from tests.support import small_api
from tests.support.clocks import RealClock
from tests.support.faulty import FaultyDatabase
from tests.support.fresh import open_database
from tests.support.mails import credential
from tests.support.senders import AGREED, mailbox, reasons, sent, soon_ms, to
from tests.support.servers import Answer, Caller, becomes, serving, settings
from tests.support.smtp_service import SmtpService
from tests.support.smtp_service import serving as smtp_serving

PUBLIC = "https://push.example"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ONE_CLICK = b"List-Unsubscribe=One-Click"
ADA = mailbox("ada@shop.example")


class Shop(NamedTuple):
    """A server that sends e-mail, and the mailbox that gets it."""

    server: Caller
    smtp: SmtpService

    async def mailed(self) -> str:
        """An offer by e-mail; where its link leads on this server."""
        count = len(self.smtp.mails)
        await sent(self.server, to(address=ADA, agreed=AGREED))

        async def arrived() -> bool:
            return len(self.smtp.mails) > count

        await becomes(arrived, "a mail")
        mail = self.smtp.mails[-1].mail
        found = re.fullmatch(rf"<{PUBLIC}(/u/\S+)>", mail["List-Unsubscribe"])
        assert found is not None, mail["List-Unsubscribe"]
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        return found[1]

    async def click(self, path: str, data: bytes = ONE_CLICK, headers: dict[str, str] | None = None) -> Answer:
        return await self.server.call("POST", path, data=data, headers=FORM if headers is None else headers)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    ca_file = str(tmp_path / "mail.pem")
    async with smtp_serving(SmtpService()) as smtp:
        smtp.authority.cert_pem.write_to_path(ca_file)
        asked = settings(
            tmp_path / "data",
            http=HttpSettings(port=0, public_url=f"{PUBLIC}/"),
            email=EmailSettings(allow_private_hosts=True, ca_file=ca_file),
        )
        async with serving(asked) as server:
            await server.operate("PUT", "/v1/credentials/email/default", credential(smtp))
            yield Shop(server, smtp)


def text(answer: Answer) -> str:
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return answer.raw.decode()


async def test_a_mail_program_posts_one_click_and_it_is_done(shop: Shop) -> None:
    path = await shop.mailed()
    waiting = await sent(shop.server, to(address=ADA, agreed=AGREED, send_at_ms=soon_ms(60_000)))

    answer = await shop.click(path)
    assert answer.status == 200
    assert "No more e-mail" in text(answer)
    trace = (await shop.server.operate("GET", f"/v1/deliveries/{waiting[0]['delivery']}"))["delivery"]
    assert (trace["state"], trace["reason"]) == ("cancelled", "consent withdrawn")
    assert await reasons(shop.server, to(address=ADA, agreed=AGREED)) == ["not_agreed"]


async def test_the_page_asks_and_its_button_does_it_once(shop: Shop) -> None:
    path = await shop.mailed()
    for _ in range(2):  # looking changes nothing: scanners follow links, too
        asked = await shop.server.call("GET", path)
        assert asked.status == 200
    page = text(asked)
    assert "Stop e-mail?" in page
    assert re.search(r'<input type="hidden" name="List-Unsubscribe" value="One-Click">', page)
    assert "<script" not in page
    assert await reasons(shop.server, to(address=ADA, agreed=AGREED)) == ["queued"]

    assert (await shop.click(path)).status == 200
    assert (await shop.click(path)).status == 200
    done = text(await shop.server.call("GET", path))
    assert "No more e-mail" in done
    assert "Allow “Send e-mail” again" in done
    history = await consents_of(shop, path)
    assert history == [("email", 1, "checkout"), ("email", 0, f"one-click:{path.split('/')[2].split('.')[0]}")]


async def consents_of(shop: Shop, path: str) -> list[tuple[str, int, str]]:
    async with open_database(f"sqlite://{shop.server.folder}/push.db", RealClock()) as db:
        row = await db.fetch_one("deliver.trace", id=path.split("/")[2].split(".", maxsplit=1)[0])
        assert row is not None
        rows = await db.fetch("profiles.consent_history", shopper=row["shopper"])
        return [(r["purpose"], r["granted"], r["source"]) for r in rows if r["purpose"] == "email"]


MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n',
    {"Content-Type": "multipart/form-data; boundary=x"},
)
NOT_MEANT = [
    (b"", FORM), (b"List-Unsubscribe=Two-Clicks", FORM), (b"x" * 10_000, FORM), (b"a&" * 400, FORM),
    (b"\xff\xfe=\x00", FORM), (b"{}", {"Content-Type": "application/json"}),
    (b"--y\r\n\r\n", MULTIPART[1]), (b"", {"Content-Type": "multipart/form-data"}),
    (b"--x\r\nContent-Disposition: form-data; name=List-Unsubscribe; filename=a\r\n\r\nno\r\n--x--", MULTIPART[1]),
]  # fmt: skip


async def test_both_forms_of_a_body_are_understood_and_nothing_else_is_taken_for_a_click(shop: Shop) -> None:
    path = await shop.mailed()
    for data, headers in NOT_MEANT:
        answer = await shop.click(path, data, headers)
        assert answer.status == 400, data
        assert "Stop e-mail?" in text(answer)
    assert await reasons(shop.server, to(address=ADA, agreed=AGREED)) == ["queued"]
    assert (await shop.click(path, *MULTIPART)).status == 200
    assert await reasons(shop.server, to(address=ADA, agreed=AGREED)) == ["not_agreed"]


async def test_a_content_type_of_any_bytes_is_no_click_and_no_failure(shop: Shop) -> None:
    path = await shop.mailed()
    reader, writer = await asyncio.open_connection("127.0.0.1", URL(shop.server.running.http_url).port)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n".encode()
    writer.write(head + b"Content-Type: multipart/form-data; boundary=\xff\r\n\r\n--x")
    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_a_link_that_we_did_not_make_is_no_link(shop: Shop) -> None:
    path = await shop.mailed()
    delivery, channel, mac = path.removeprefix("/u/").split(".")
    other = "0" if mac[0] != "0" else "1"
    for bad in (
        f"{delivery}.{channel}.{other}{mac[1:]}", f"{delivery}.webpush.{mac}", f"{delivery}x.{channel}.{mac}",
        f"{delivery}.marketing.{mac}", f"{delivery}.{channel}.{mac}.", f"{delivery}.{channel}.", "x", "ä.ö.ü",
        f"{delivery}.{channel}.{mac[:-1]}",
    ):  # fmt: skip
        for method in ("GET", "POST"):
            answer = await shop.server.call(method, f"/u/{bad}", data=ONE_CLICK, headers=FORM)
            assert answer.status == 404, bad
            assert "This link does not work" in text(answer)
    assert await reasons(shop.server, to(address=ADA, agreed=AGREED)) == ["queued"]


async def test_the_page_can_be_framed_cached_and_followed_by_nobody(shop: Shop) -> None:
    answer = await shop.server.call("GET", await shop.mailed())
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_a_token_tells_nobody_apart_from_us_and_names_no_person() -> None:
    ours, theirs = Vault(bytes(32)), Vault(bytes(range(32)))
    link = Link("dlv_1", "email")
    made = unsubscribe.token(ours, link)
    assert unsubscribe.read(ours, made) == link
    assert unsubscribe.read(theirs, made) is None
    assert re.fullmatch(r"dlv_1\.email\.[0-9a-f]{32}", made)


@pytest.mark.parametrize(
    ("url", "channel", "made"),
    [("", "email", False), ("https://p.example", "log", False), ("https://p.example", "email", True),
     ("https://p.example/push/", "fcm", True)],
)  # fmt: skip
def test_without_a_public_address_or_a_purpose_there_is_no_link(url: str, channel: str, made: bool) -> None:  # noqa: FBT001 - a parameter
    link = unsubscribe.links(Vault(bytes(32)), url)("dlv_1", channel)
    assert (link is not None) is made
    assert link is None or link.startswith(f"{url.rstrip('/')}/u/dlv_1.{channel}.")


async def test_without_a_database_a_person_reads_to_try_again(tmp_path: Path) -> None:
    clock = RealClock()
    async with open_database(f"sqlite://{tmp_path}/push.db", clock) as opened:
        db = FaultyDatabase(opened)
        db.away = True
        context = small_api.context(db, clock, EventStreams(), small_api.Nowhere())
        app = application(context, (), Counter())
        unsubscribe.add_routes(app, context)
        token = unsubscribe.token(context.vault, Link("dlv_1", "email"))
        async with TestClient(TestServer(app)) as client:
            for answer in (await client.get(f"/u/{token}"), await client.post(f"/u/{token}", data=ONE_CLICK)):
                assert answer.status == 503
                assert answer.headers["Retry-After"] == "60"
                assert "try again in a moment" in await answer.text()
