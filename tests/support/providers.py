"""Every provider on loopback, strict as the real ones, and the settings by which a server reaches them instead.

A guide's commands stay as they are typed but for two things, as `Providers.typed` puts them in: where the mail server
is, and where hooks are received.
"""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from firmware_sim.webpush import SubscriptionKeys
from push.channels.apns import ApnsSettings
from push.channels.email import EmailSettings
from push.channels.webhook import WebhookSettings
from push.channels.webpush import WebPushSettings
from push.deliver.hooks import HookSettings
from push.settings import HttpSettings, PushSettings
from tests.support import apns_service, fcm_service, hook_receiver, smtp_service, webhook_service
from tests.support.apns_service import ApnsService, Call
from tests.support.clocks import RealClock
from tests.support.fcm_service import FcmService
from tests.support.hook_receiver import Receiver as HookReceiver
from tests.support.servers import settings
from tests.support.smtp_service import SmtpService
from tests.support.webhook_service import Receiver, Reply, Request, SmsProvider

MOZILLA: Final = "https://updates.push.services.mozilla.com"
NTFY: Final = "https://ntfy.sh"
SMS: Final = "https://api.sms.example"
OWN: Final = "https://hooks.shop.example"
MAIL: Final = "smtp.shop.example"
EVENTS: Final = "https://backend.shop.example/footfall"

APNS_TEAM: Final = "TEAM123456"
APNS_KEY: Final = "ABC123DEFG"
APNS_TOPIC: Final = "com.example.shop"
_NOBODY: Final = "0" * 64
_PHONE_OF_NOBODY: Final = "+15005550001"


class PushServer(Receiver):
    """A push service of RFC 8030: takes what is encrypted and signed, and says where it is kept."""

    def usual(self, request: Request) -> Reply:
        good = request.headers.get("Content-Encoding") == "aes128gcm" and "TTL" in request.headers
        signed = request.headers.get("Authorization", "").startswith("vapid t=")
        return Reply(201, {"Location": f"{MOZILLA}/m/1"}) if good and signed else Reply(400)


class Sms(SmsProvider):
    """Refuses one number."""

    def usual(self, request: Request) -> Reply:
        if b"%2B15005550001" in request.body:
            return Reply(400, body=b'{"code": 21211}')
        return super().usual(request)


class Providers(NamedTuple):
    """The stand-ins."""

    folder: Path
    fcm: FcmService
    apns: ApnsService
    mail: SmtpService
    push: PushServer
    sms: Sms
    own: Receiver
    events: HookReceiver
    keys: SubscriptionKeys
    ca: dict[str, str]

    def settings(self) -> PushSettings:
        """Of a server that reaches them, with its data in the folder."""
        apns = ApnsSettings(
            host=apns_service.HOST, sandbox_host=apns_service.HOST, port=self.apns.port, ca_file=self.ca["apns"]
        )
        return settings(
            self.folder / "data",
            http=HttpSettings(port=0, public_url="https://push.shop.example"),
            webpush=WebPushSettings(
                contact="mailto:push@shop.example",
                origin_overrides={MOZILLA: self.push.origin, NTFY: self.push.origin},
                ca_file=self.ca["push"],
            ),
            fcm=self.fcm.settings(),
            apns=apns,
            email=EmailSettings(allow_private_hosts=True, ca_file=self.ca["mail"]),
            webhook=WebhookSettings(
                origin_overrides={SMS: self.sms.origin, OWN: self.own.origin}, ca_file=self.ca["webhook"]
            ),
            hooks=HookSettings(allow_private_hosts=True, ca_file=self.ca["events"]),
        )

    def typed(self, command: str) -> str:
        """A command with the stand-ins' addresses in place of those that it names."""
        found = command.replace(MAIL, smtp_service.HOST).replace('"port": 465', f'"port": {self.mail.port}')
        return found.replace(EVENTS, self.events.url)

    def environment(self) -> dict[str, str]:
        """What the user of a guide knows of her accounts."""
        return {
            "FCM_TOKEN": "dGVzdA:APA91bExample",
            "APNS_TOKEN": "ab" * 32,
            "SMTP_PASSWORD": smtp_service.PASSWORD,
            "SMS_LOGIN": "AC42:s3cret",
        }


def write_files(folder: Path, keys: SubscriptionKeys, p8: str) -> None:
    """What providers and apps give: key files and subscriptions."""
    (folder / "service-account.json").write_text(json.dumps(fcm_service.KEY_FILE, indent=2))
    (folder / f"AuthKey_{APNS_KEY}.p8").write_text(p8)
    for name, endpoint in (("subscription", f"{MOZILLA}/wpush/v2/gAAAA"), ("unifiedpush", f"{NTFY}/upAbc?up=1")):
        (folder / f"{name}.json").write_text(json.dumps(keys.address(endpoint)))


def _apple(public: ec.EllipticCurvePublicKey) -> apns_service.Script:
    """Apple's answers: who signs is looked at first, then the topic, then the device."""

    def script(call: Call) -> None:
        token = call.headers["authorization"].removeprefix("bearer ")
        try:
            claims = jwt.decode(token, public, algorithms=["ES256"], options={"verify_iat": False})
        except jwt.InvalidTokenError:
            call.refuse(403, "InvalidProviderToken")
            return
        if (claims["iss"], jwt.get_unverified_header(token)["kid"]) != (APNS_TEAM, APNS_KEY):
            call.refuse(403, "InvalidProviderToken")
        elif call.headers["apns-topic"] != APNS_TOPIC:
            call.refuse(400, "TopicDisallowed")
        elif call.device == _NOBODY:
            call.refuse(400, "BadDeviceToken")
        else:
            call.answer()

    return script


@asynccontextmanager
async def providing(folder: Path) -> AsyncIterator[Providers]:
    """All of them at work, and in `folder` what they give their customers."""
    key, keys = ec.generate_private_key(ec.SECP256R1()), SubscriptionKeys.generate()
    write_files(folder, keys, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
    apns, mail = ApnsService(), SmtpService("tls")
    apns.script = _apple(key.public_key())
    async with AsyncExitStack() as stack:
        fcm = await stack.enter_async_context(fcm_service.serving(folder, RealClock()))
        await stack.enter_async_context(apns_service.serving(apns))
        await stack.enter_async_context(smtp_service.serving(mail))
        push = await stack.enter_async_context(webhook_service.serving(PushServer()))
        sms = await stack.enter_async_context(webhook_service.serving(Sms("AC42", "s3cret")))
        own = await stack.enter_async_context(webhook_service.serving(Receiver()))
        events, events_ca = await stack.enter_async_context(hook_receiver.receiving(folder))
        ca = {
            "apns": apns.ca_file(folder),
            "mail": _trusted(folder, "mail", mail.authority.cert_pem.bytes()),
            "push": _trusted(folder, "push", push.authority.cert_pem.bytes()),
            "webhook": _trusted(folder, "webhook", sms.authority.cert_pem.bytes(), own.authority.cert_pem.bytes()),
            "events": events_ca,
        }
        yield Providers(folder, fcm, apns, mail, push, sms, own, events, keys, ca)


def _trusted(folder: Path, name: str, *authorities: bytes) -> str:
    path = folder / f"{name}-ca.pem"
    path.write_bytes(b"\n".join(authorities))
    return str(path)
