"""Double opt-in: a page says that she wants mail, a mail asks whether she meant it, and her click makes it hold."""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from push.channels.email import EmailSettings
from push.model.ids import fresh
from push.model.people import Added
from push.profiles.purposes.settings import PurposeSettings
from push.profiles.settings import ProfileSettings
from push.settings import HttpSettings
from tests.support.mails import credential
from tests.support.servers import Answer, Caller, becomes, serving, settings
from tests.support.smtp_service import SmtpService
from tests.support.smtp_service import serving as smtp_serving

PUBLIC = "https://push.example"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
WANTS = {"News": True}
ADA = "ada@shop.example"
NEWSLETTER = PurposeSettings(
    name=Added("newsletter"), texts={"en": ("The newsletter", "Once a month.")}, double_opt_in=True
)


class Shop(NamedTuple):
    """A server whose page takes subscriptions, and the mailboxes of those who subscribe."""

    server: Caller
    smtp: SmtpService

    async def says(self, anonymous: str, mailbox: str, news: dict[str, bool]) -> None:
        """What a page says by the key that ships in it."""
        said = {
            "anonymousId": anonymous,
            "messageId": fresh("m"),
            "traits": {"email": mailbox},
            "context": {"consent": {"categoryPreferences": news}},
        }
        answer = await self.server.call("POST", "/v1/identify", self.server.app, said)
        assert answer.status == 200, answer

    async def mailed(self, count: int = 1) -> str:
        """Where the link of the latest mail leads on this server, once there are so many."""

        async def arrived() -> bool:
            return len(self.smtp.mails) >= count

        await becomes(arrived, "a mail")
        assert len(self.smtp.mails) == count
        mail = self.smtp.mails[-1].mail
        assert mail["List-Unsubscribe"] is None
        plain = mail.get_body(("plain",))
        text = "" if plain is None else str(plain.get_content())
        found = re.search(rf"{PUBLIC}(/c/\S+)", text)
        assert found is not None, text
        return found[1]

    async def person(self, anonymous: str) -> str:
        body = {"kind": "anonymous_id", "value": anonymous}
        return str((await self.server.operate("POST", "/v1/people/find", body))["person"])

    async def granted(self, anonymous: str) -> set[str]:
        export = await self.server.operate("GET", f"/v1/people/{await self.person(anonymous)}/export")
        return {row["purpose"] for row in export["records"]["consents"] if row["granted"]}

    async def looks(self, path: str) -> Answer:
        return await self.server.call("GET", path)

    async def presses(self, path: str) -> Answer:
        """Her click on the button of the page."""
        shown = (await self.looks(path)).raw.decode()
        found = re.search(r'name="Confirm" value="([^"]*)"', shown)
        data = f"Confirm={found[1] if found else ''}".encode()
        return await self.server.call("POST", path, data=data, headers=FORM)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    ca_file = str(tmp_path / "mail.pem")
    async with smtp_serving(SmtpService()) as smtp:
        smtp.authority.cert_pem.write_to_path(ca_file)
        asked = settings(
            tmp_path / "data",
            http=HttpSettings(port=0, public_url=PUBLIC),
            email=EmailSettings(allow_private_hosts=True, ca_file=ca_file),
            profiles=ProfileSettings(
                minimum_age=0, consent_categories={"News": ("email", "marketing")}, purposes=(NEWSLETTER,)
            ),
        )
        async with serving(asked) as server:
            await server.operate("PUT", "/v1/credentials/email/default", credential(smtp))
            yield Shop(server, smtp)


async def test_her_click_alone_makes_it_hold_and_an_offer_then_goes_to_the_mailbox(shop: Shop) -> None:
    await shop.says("anna", ADA, WANTS)
    path = await shop.mailed()
    looked = await shop.looks(path)
    before = await shop.granted("anna")
    pressed = await shop.presses(path)

    assert looked.status == 200
    assert "Yes, I agree" in looked.raw.decode()
    assert looked.headers["Cache-Control"] == "no-store"
    assert before == {"marketing"}
    assert pressed.status == 200, pressed.raw
    assert await shop.granted("anna") == {"marketing", "email"}
    offer: dict[str, Any] = {
        "to": {"shopper": await shop.person("anna")},
        "content": {"title": "Coffee is on us", "body": "Today."},
    }
    [verdict] = (await shop.server.operate("POST", "/v1/messages", {"messages": [offer]}))["messages"]
    assert verdict["status"] == "queued", verdict

    async def arrived() -> bool:
        return len(shop.smtp.mails) == 2

    await becomes(arrived, "the offer")
    assert shop.smtp.mails[-1].mail["Subject"] == "Coffee is on us"
    again = await shop.presses(path)
    assert again.status == 410
    assert "confirmed already" in again.raw.decode()
    await shop.says("anna", ADA, WANTS)
    assert len(shop.smtp.mails) == 2  # the page says it with every event; it is settled


async def test_a_refusal_leaves_the_link_nothing_and_forged_ones_lead_nowhere(shop: Shop) -> None:
    await shop.says("anna", ADA, WANTS)
    path = await shop.mailed()
    await shop.says("anna", ADA, {"News": False})
    dead = await shop.presses(path)
    delivery, _, mac = path.removeprefix("/c/").partition(".")
    forged = [await shop.looks(f"/c/{each}") for each in (f"{delivery}.{'0' * 32}", f"dlv_other.{mac}", "x")]

    assert dead.status == 410
    assert "nothing to confirm" in dead.raw.decode()
    assert [answer.status for answer in forged] == [404] * 3
    assert await shop.granted("anna") == set()
    await shop.says("anna", ADA, WANTS)
    await shop.says("bert", ADA.upper(), WANTS)
    await shop.says("carl", "carl@shop.example", WANTS)
    await shop.mailed(2)  # nobody is written to twice a day, whoever names the mailbox
    assert shop.smtp.mails[-1].recipient == "carl@shop.example"


async def test_her_export_has_the_proof_and_the_database_has_no_link(shop: Shop) -> None:
    await shop.says("anna", ADA, WANTS)
    path = await shop.mailed()
    await shop.presses(path)
    export = await shop.server.operate("GET", f"/v1/people/{await shop.person('anna')}/export")
    [word] = [row for row in export["records"]["consent_history"] if row["source"] == "confirmed:mail"]
    proof = json.loads(word["proof"])
    token = path.removeprefix("/c/")
    assert proof["token"] == hashlib.sha256(token.encode()).hexdigest()
    assert (proof["purpose"], proof["version"]) == ("email", word["version"])
    assert proof["said_ms"] <= proof["mailed_ms"] <= proof["confirmed_ms"]
    mac = token.partition(".")[2].encode()
    for file in (shop.server.folder / "push.db", shop.server.folder / "push.db-wal"):
        assert mac not in await asyncio.to_thread(file.read_bytes)


async def test_what_an_app_asks_for_twice_is_mailed_to_the_mailbox_that_she_registered(shop: Shop) -> None:
    phone = await shop.server.phone(email=True)
    address = await shop.server.call(
        "PUT", phone.path("addresses/email"), phone.token, {"address": {"email": "eve@shop.example"}}
    )
    assert address.status < 300, address
    said = await shop.server.call("PUT", phone.path("consent"), phone.token, {"purposes": {"newsletter": True}})
    path = await shop.mailed()
    shown = (await shop.looks(path)).raw.decode()
    pressed = await shop.presses(path)
    now = await shop.server.call("GET", phone.path("consent"), phone.token)

    assert said.json["purposes"]["newsletter"] is False
    assert shop.smtp.mails[-1].recipient == "eve@shop.example"
    assert "Once a month." in shown
    assert pressed.status == 200, pressed.raw
    assert now.json["purposes"]["newsletter"] is True
