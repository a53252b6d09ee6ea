"""The services of every channel on loopback, for a server in a process of its own; they note each message they take.

What is counted is deliveries, by their id as the service sees it: the same each time a delivery is repeated.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from firmware_sim import push_service
from firmware_sim.push_service import Pushed, PushService
from firmware_sim.webpush import SubscriptionKeys, decrypt
from push.channels.apns_payload import apns_id
from tests.support import apns_service, fcm_service, mails, smtp_service, webhook_service
from tests.support.apns_service import ApnsService
from tests.support.clocks import RealClock
from tests.support.fcm_service import FCM, KEY_FILE, OAUTH, FcmService
from tests.support.hooks import webhook_credential
from tests.support.smtp_service import SmtpService
from tests.support.webhook_service import Receiver

CHANNELS: Final = ("webpush", "fcm", "apns", "email", "webhook")
_SUBSCRIPTIONS: Final = 20
_PEM: Final = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
_APNS: Final[dict[str, object]] = {
    "team_id": "TEAM123456",
    "key_id": "KEY1234567",
    "private_key": _PEM.decode(),
    "topic": "com.example.shop",
}


class Mailroom:
    """See the module; made by `mailroom`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.webpush = PushService()
        self.fcm = FcmService(RealClock())
        self.apns = ApnsService()
        self.smtp = SmtpService()
        self.receiver = Receiver()
        self.pushed: list[str] = []
        self.topics: defaultdict[str, set[str | None]] = defaultdict(set)
        """Of Web Push: a service that still holds a message puts one of the same topic in its place."""
        self._subscriptions: list[dict[str, object]] = []

    def settings(self) -> dict[str, object]:
        """What a server is told, so that it reaches them."""
        return {
            f'push.webpush.origin_overrides."{self.webpush.origin}"': self.webpush.origin,
            f'push.fcm.origin_overrides."{FCM}"': self.fcm.origin,
            f'push.fcm.origin_overrides."{OAUTH}"': self.fcm.origin,
            "push.fcm.ca_file": self.fcm.ca_file,
            "push.apns.host": apns_service.HOST,
            "push.apns.port": self.apns.port,
            "push.apns.ca_file": self.apns.ca_file(self.folder),
            "push.email.allow_private_hosts": True,
            "push.email.ca_file": str(self.folder / "mail.pem"),
            "push.webhook.allow_private_hosts": True,
            "push.webhook.ca_file": str(self.folder / "hook.pem"),
        }

    def credentials(self) -> dict[str, dict[str, object]]:
        """Good ones of the default app, by channel."""
        return {
            "fcm": {"service_account": KEY_FILE},
            "apns": _APNS,
            "email": mails.credential(self.smtp),
            "webhook": webhook_credential(self.receiver),
        }

    def address(self, channel: str, n: int) -> dict[str, object]:
        """Somebody's, the same for the same number."""
        found: dict[str, dict[str, object]] = {
            "webpush": self._subscriptions[n % _SUBSCRIPTIONS],
            "fcm": {"token": f"phone{n}:APA91bHun4MxP5egoKMwt2KZFBaFUH"},
            "apns": {"token": f"ab{n:062x}"},
            "email": {"email": f"ada{n}@shop.example"},
            "webhook": {"to": f"+4930{n:08}"},
        }
        return {"channel": channel, "address": found[channel]}

    def taken(self, channel: str, deliveries: Collection[str]) -> Counter[str]:
        """How often each delivery came in; what none of `deliveries` explains is counted under its own name."""
        return Counter(getattr(self, f"_{channel}")(deliveries))

    def subscribe(self) -> None:
        """Make the subscriptions of Web Push."""
        for _ in range(_SUBSCRIPTIONS):
            keys, subscription = SubscriptionKeys.generate(), self.webpush.subscribe()

            def take(pushed: Pushed, keys: SubscriptionKeys = keys) -> None:
                delivery = json.loads(decrypt(pushed.body, keys))["delivery"]
                self.pushed.append(delivery)
                self.topics[delivery].add(pushed.topic)

            self.webpush.inboxes[subscription].attach(take, time.time())
            self._subscriptions.append(keys.address(self.webpush.endpoint(subscription)))

    def _webpush(self, deliveries: Collection[str]) -> list[str]:
        del deliveries
        return self.pushed

    def _fcm(self, deliveries: Collection[str]) -> list[str]:
        del deliveries
        messages = [asked.message for asked in self.fcm.asked]
        return [m["data"]["footfall.delivery"] for m in messages if ":" in m.get("token", "")]  # not those of checks

    def _apns(self, deliveries: Collection[str]) -> list[str]:
        known = {apns_id(delivery): delivery for delivery in deliveries}
        ids = [
            call.headers["apns-id"] for call in self.apns.calls if call.device.startswith("ab")
        ]  # not those of checks
        return [known.get(each, each) for each in ids]

    def _email(self, deliveries: Collection[str]) -> list[str]:
        del deliveries
        return [str(taken.mail["Message-ID"]).strip("<>").partition("@")[0] for taken in self.smtp.mails]

    def _webhook(self, deliveries: Collection[str]) -> list[str]:
        del deliveries
        return [r.headers["webhook-id"] for r in self.receiver.requests if r.method == "POST"]


@asynccontextmanager
async def mailroom(folder: Path) -> AsyncIterator[Mailroom]:
    """All services, for the length of the block."""
    room = Mailroom(folder)
    async with (
        push_service.serving(room.webpush),
        fcm_service.serving(folder, RealClock()) as room.fcm,
        apns_service.serving(room.apns),
        smtp_service.serving(room.smtp),
        webhook_service.serving(room.receiver),
    ):
        room.smtp.authority.cert_pem.write_to_path(str(folder / "mail.pem"))
        room.receiver.authority.cert_pem.write_to_path(str(folder / "hook.pem"))
        room.subscribe()
        yield room


def post_body(target: dict[str, Any], **more: object) -> dict[str, object]:
    """A message that somebody is owed."""
    content = {"title": "Ready", "body": "Your order is ready"}
    return {"to": target, "content": content, "basis": "service", "lifetime_s": 3600, **more}
