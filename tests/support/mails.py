"""What tests of e-mail send, and with what."""

from typing import Any, Final

from push.model.delivery import Action, Content, Message, Outgoing
from tests.support.smtp_service import HOST, PASSWORD, USERNAME, SmtpService

NOW_MS: Final = 1_800_000_000_000
UNSUBSCRIBE: Final = "https://shop.example/u/1?token=a&b=c"


def content(**changes: Any) -> Content:  # noqa: ANN401 - fields of any type
    fields: dict[str, Any] = {
        "title": "Welcome ☕",
        "body": "Your coffee is on us.\nToday only.",
        "url": "https://shop.example/offer/1",
        "image": "https://shop.example/img/1.png",
        "actions": (Action(title="Take it", url="https://shop.example/offer/1?take=1&now=2"),),
        "locale": "de-DE",
    }
    return Content(**(fields | changes))


def outgoing(to: str = "ada@shop.example", said: Content | None = None, **changes: Any) -> Outgoing:  # noqa: ANN401 - fields
    message = Message(
        id="m1",
        shopper="ada",
        campaign="welcome",
        content=said or content(),
        created_ms=NOW_MS,
        expires_ms=NOW_MS + 600_000,
        collapse_key="welcome/store-1",
    )
    fields: dict[str, Any] = {
        "delivery": "dlv_1",
        "device": "d",
        "message": message,
        "address": {"email": to},
        "now_ms": NOW_MS,
        "unsubscribe_url": UNSUBSCRIBE,
    }
    return Outgoing(**(fields | changes))


def credential(smtp: SmtpService, **changes: object) -> dict[str, object]:
    fields: dict[str, object] = {
        "host": HOST,
        "port": smtp.port,
        "security": smtp.security,
        "username": USERNAME,
        "password": PASSWORD,
        "sender": "offers@shop.example",
        "sender_name": "The Shop",
        "reply_to": "help@shop.example",
    }
    return fields | changes
