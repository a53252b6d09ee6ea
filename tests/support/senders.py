"""Another system that sends: messages as it writes them, and calls to a running server."""

import time
from typing import Any

from tests.support.servers import Answer, Caller

HELLO: dict[str, object] = {"title": "Hello", "body": "Your order is ready"}
AGREED = {"source": "checkout", "at_ms": 1_700_000_000_000}
DAY_MS = 86_400_000


def to(**more: object) -> dict[str, Any]:
    target = {name: more.pop(name) for name in ("shopper", "device", "address") if name in more}
    return {"to": target, "content": HELLO, **more}


def mailbox(email: str, **more: object) -> dict[str, object]:
    return {"channel": "email", "address": {"email": email}, **more}


async def post(server: Caller, *messages: dict[str, Any], token: str | None = None, key: str | None = None) -> Answer:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await server.call("POST", "/v1/messages", token or server.operator, {"messages": messages}, headers=headers)


async def sent(server: Caller, *messages: dict[str, Any], token: str | None = None) -> list[dict[str, Any]]:
    answer = await post(server, *messages, token=token)
    assert answer.status == 202, answer
    found: list[dict[str, Any]] = answer.json["messages"]
    return found


async def reasons(server: Caller, *messages: dict[str, Any]) -> list[str]:
    """For each message why it was refused, or that it was queued."""
    return [verdict.get("reason", verdict["status"]) for verdict in await sent(server, *messages)]


async def sender(server: Caller, name: str = "shop") -> str:
    """The token of another system that sends."""
    made = await server.operate("POST", "/v1/tokens", {"scope": "sender", "subject": name})
    return str(made["token"])


def soon_ms(ahead_ms: int) -> int:
    return time.time_ns() // 1_000_000 + ahead_ms
