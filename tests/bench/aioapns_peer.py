"""aioapns's rate, and its answers to refusals. Runs in an environment of its own; orders on stdin.

    {"port": N, "ca": PATH, "key": PATH, "count": N, "rounds": N, "in_flight": N, "gone": N, "message": {...}}

Its own client with its own defaults, over one connection as ours. Answers with one JSON object.
"""

import asyncio
import json
import logging
import ssl
import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from aioapns import APNs, NotificationRequest, PushType  # type: ignore[import-not-found]
from aioapns.connection import APNsProductionClientProtocol  # type: ignore[import-not-found]

GIVE_UP_S = 5.0


def client(order: dict[str, Any]) -> Any:  # noqa: ANN401 - of a package that is not installed here
    APNsProductionClientProtocol.APNS_SERVER = "localhost"
    APNsProductionClientProtocol.APNS_PORT = order["port"]
    tls = ssl.create_default_context(cafile=order["ca"])
    tls.set_alpn_protocols(["h2"])
    key = open(order["key"], encoding="utf-8").read()  # noqa: SIM115, PTH123 - once
    return APNs(key=key, key_id="KEY0000001", team_id="TEAM000001", topic="app", ssl_context=tls, max_connections=1)


def request(order: dict[str, Any], device: str) -> Any:  # noqa: ANN401 - as above
    return NotificationRequest(
        device_token=device,
        message=order["message"],
        notification_id=str(uuid4()),
        time_to_live=600,
        priority=10,
        collapse_key="welcome",
        push_type=PushType.ALERT,
    )


async def in_flight(apns: Any, order: dict[str, Any], count: int, device: Callable[[int], str]) -> int:  # noqa: ANN401
    """Send so many; how many answers came."""
    answered = 0

    async def worker(first: int) -> None:
        nonlocal answered
        for number in range(first, count, order["in_flight"]):
            async with asyncio.timeout(GIVE_UP_S):
                await apns.send_notification(request(order, device(number)))
            answered += 1

    await asyncio.gather(*(worker(first) for first in range(order["in_flight"])), return_exceptions=True)
    return answered


async def run(order: dict[str, Any]) -> dict[str, float]:
    apns = client(order)
    best = 0.0
    await in_flight(apns, order, 100, lambda number: f"{number:064x}")
    for _ in range(order["rounds"]):
        began_s = time.process_time()
        answered = await in_flight(apns, order, order["count"], lambda number: f"{number:064x}")
        best = max(best, answered / (time.process_time() - began_s))
    gone = await in_flight(client(order), order, order["gone"], lambda number: f"dead{number:060x}")
    return {"rate": best, "gone": gone}


def main() -> None:
    logging.disable()
    print(json.dumps(asyncio.run(run(json.load(sys.stdin)))))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
