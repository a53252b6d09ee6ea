"""The services that ask who we are, all on loopback, and a server that has no credential of any yet."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from push.channels import vapid
from push.channels.apns import ApnsSettings
from push.channels.email import EmailSettings
from push.model.ports import Clock
from push.settings import PushSettings
from tests.support import apns_service, fcm_service, smtp_service, webhook_service
from tests.support.apns_service import ApnsService, Call
from tests.support.fcm_service import KEY_FILE, FcmService
from tests.support.hooks import PHONE, SECRET, trusting
from tests.support.mails import credential
from tests.support.servers import Answer, Caller, becomes, settings
from tests.support.smtp_service import PASSWORD, SmtpService
from tests.support.webhook_service import Receiver

ADDRESSES: Final[dict[str, dict[str, object]]] = {
    "fcm": {"token": "abc:DEF-1"},
    "apns": {"token": "ab" * 32},
    "email": {"email": "ada@shop.example"},
    "webhook": {"to": PHONE},
}
_PEM: Final = vapid.to_pem(vapid.generate()).decode()
APNS: Final[dict[str, object]] = {
    "team_id": "TEAM123456",
    "key_id": "KEY1234567",
    "private_key": _PEM,
    "topic": "com.example.shop",
}
SECRETS: Final = (PASSWORD, SECRET, str(KEY_FILE["private_key"])[100:160], _PEM[60:100], "Bearer s3cret")
"""What must never be seen: parts of every credential of `Services`."""


class Services(NamedTuple):
    """FCM, APNs, a mail server, a receiver of webhooks."""

    fcm: FcmService
    apns: ApnsService
    smtp: SmtpService
    receiver: Receiver
    folder: Path

    def settings(self, data: Path, **changes: Any) -> PushSettings:  # noqa: ANN401 - settings of any type
        """Those of a server that reaches them."""
        return settings(
            data,
            fcm=self.fcm.settings(),
            apns=ApnsSettings(
                host=apns_service.HOST, port=self.apns.port, ca_file=str(self.folder / "apns-ca.pem"), connections=2
            ),
            email=EmailSettings(allow_private_hosts=True, ca_file=str(self.folder / "mail.pem")),
            webhook=trusting(self.receiver, self.folder / "hooks"),
            **changes,
        )

    def credential(self, channel: str, **changes: object) -> dict[str, object]:
        """A good one."""
        good: dict[str, dict[str, object]] = {
            "fcm": {"service_account": KEY_FILE},
            "apns": APNS,
            "email": credential(self.smtp),
            "webhook": {
                "url": f"{self.receiver.origin}/hook",
                "secret": SECRET,
                "headers": {"Authorization": "Bearer s3cret"},
            },
        }
        return {**good[channel], **changes}

    def taken(self, channel: str) -> int:
        """Messages that came in, those of checks left out."""
        posts = [request for request in self.receiver.requests if request.method == "POST"]
        to_people = [asked for asked in self.fcm.asked if ":" in asked.message.get("token", "")]
        phones = self.apns.devices().count(str(ADDRESSES["apns"]["token"]))
        return {"fcm": len(to_people), "apns": phones, "email": len(self.smtp.mails), "webhook": len(posts)}[channel]


def _as_apple(call: Call) -> None:
    """The key is known, and one phone."""
    if call.headers["apns-topic"] != APNS["topic"]:
        call.refuse(400, "TopicDisallowed")
    elif call.device != ADDRESSES["apns"]["token"]:
        call.refuse(400, "BadDeviceToken")
    else:
        call.answer()


@asynccontextmanager
async def services(folder: Path, clock: Clock) -> AsyncIterator[Services]:
    """All of them, for the length of the block."""
    (folder / "hooks").mkdir(parents=True)
    async with (
        fcm_service.serving(folder, clock) as fcm,
        apns_service.serving(ApnsService()) as apns,
        smtp_service.serving(SmtpService()) as smtp,
        webhook_service.serving(Receiver()) as receiver,
    ):
        apns.ca_file(folder)
        apns.script = _as_apple
        smtp.authority.cert_pem.write_to_path(str(folder / "mail.pem"))
        yield Services(fcm, apns, smtp, receiver, folder)


async def put(server: Caller, path: str, body: object, query: str = "") -> Answer:
    """Put a credential of channel/app."""
    return await server.call("PUT", f"/v1/credentials/{path}{query}", server.operator, body)


async def row(server: Caller, path: str) -> dict[str, Any]:
    """The credential of channel/app, as the list shows it."""
    rows: list[dict[str, Any]] = await server.operate("GET", "/v1/credentials")
    [found] = [one for one in rows if f"{one['channel']}/{one['app']}" == path]
    return found


async def send(server: Caller, path: str) -> str:
    """Send a message to somebody by channel/app; its delivery."""
    channel, app = path.split("/")
    address = {"channel": channel, "app": app, "address": ADDRESSES[channel]}
    content = {"title": "Ready", "body": "Your order is ready"}
    answer = await server.operate(
        "POST", "/v1/messages", {"to": {"address": address}, "content": content, "basis": "service"}
    )
    [verdict] = answer["messages"]
    return str(verdict["delivery"])


async def reaches(server: Caller, delivery: str, **wanted: object) -> None:
    """Until a delivery stands like this."""

    async def look() -> bool:
        stands = (await server.operate("GET", f"/v1/deliveries/{delivery}"))["delivery"]
        return all(stands[name] == value for name, value in wanted.items())

    await becomes(look, f"{delivery} is {wanted}")


async def figure(server: Caller, name: str) -> float | None:
    """A line of `/metrics`, without its value; None where there is none."""
    told = (await server.call("GET", "/metrics")).raw.decode()
    return next((float(line.rpartition(" ")[2]) for line in told.splitlines() if line.rpartition(" ")[0] == name), None)
