"""What tests of webhooks send, and where to."""

import time
from base64 import b64encode
from pathlib import Path
from typing import Any, Final

import msgspec

from push.channels.webhook import WebhookSettings
from push.model.delivery import Action, Content, Message, Outgoing
from tests.support.webhook_service import Receiver

CREATED_MS: Final = time.time_ns() // 1_000_000
EXPIRES_MS: Final = CREATED_MS + 86_400_000
SECRET: Final = "whsec_" + b64encode(bytes(range(32))).decode()
OLD_SECRET: Final = "whsec_" + b64encode(bytes(24)).decode()
PHONE: Final = "+49301234567"


def notice(to: str = PHONE, content: Content | None = None, app: str = "default") -> Outgoing:
    message = Message(
        id="msg_1",
        shopper="ada",
        campaign="welcome",
        content=content
        or Content(
            title="Welcome ☕",
            body="Your coffee is on us",
            url="https://shop.example/1",
            image="https://shop.example/1.png",
            actions=(Action(title="Take it", url="https://shop.example/take"),),
            data={"sku": "42"},
            locale="de",
        ),
        created_ms=CREATED_MS,
        expires_ms=EXPIRES_MS,
        collapse_key="welcome",
        basis="service",
    )
    now_ms = time.time_ns() // 1_000_000  # the verifier asks the clock
    return Outgoing(delivery="dlv_1", device="d", message=message, address={"to": to}, now_ms=now_ms, app=app)


def trusting(receiver: Receiver, tmp_path: Path, **changes: Any) -> WebhookSettings:  # noqa: ANN401 - fields of any type
    receiver.authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    fixed = WebhookSettings(allow_private_hosts=True, ca_file=str(tmp_path / "ca.pem"), timeout_s=5)
    return msgspec.structs.replace(fixed, **changes)


def webhook_credential(receiver: Receiver, **changes: object) -> dict[str, object]:
    return {"url": f"{receiver.origin}/hook?key=1", "secret": SECRET, **changes}
