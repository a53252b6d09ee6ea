"""firebase-admin's rate. Runs in an environment of its own, where it is installed; orders on stdin.

    {"url": "http://127.0.0.1:PORT", "count": N, "rounds": N, "token": ..., "title": ..., "body": ..., "data": {...}}

Its own `send_each_async` with the most messages that it takes at once; only Google's address is replaced, and an access
token is there already. Answers with messages a second, by CPU time and by the wall clock, the best round of each.
"""

import asyncio
import json
import sys
import time
from typing import Any

import firebase_admin  # type: ignore[import-not-found]
from firebase_admin import credentials, messaging
from google.oauth2.credentials import Credentials  # type: ignore[import-not-found]

AT_ONCE = 500


class Ready(credentials.Base):  # type: ignore[misc]
    """An access token that needs no exchange."""

    def get_credential(self) -> Any:  # noqa: ANN401 - its own type is not here
        return Credentials(token="ya29.bench")  # noqa: S106 - nobody's


def message(order: dict[str, Any]) -> Any:  # noqa: ANN401 - its own type is not here
    """The same content as ours."""
    return messaging.Message(
        token=order["token"],
        notification=messaging.Notification(title=order["title"], body=order["body"]),
        data=order["data"],
        android=messaging.AndroidConfig(
            priority="high", ttl=600, collapse_key="k" * 32, notification=messaging.AndroidNotification(tag="k" * 32)
        ),
    )


async def send(order: dict[str, Any]) -> tuple[float, float]:
    """Seconds of CPU and of the wall clock for all messages."""
    began_cpu_s, began_s = time.process_time(), time.perf_counter()
    for _ in range(0, order["count"], AT_ONCE):
        answer = await messaging.send_each_async([message(order) for _ in range(AT_ONCE)])
        assert answer.failure_count == 0, answer.responses[0].exception
    return time.process_time() - began_cpu_s, time.perf_counter() - began_s


async def best(order: dict[str, Any]) -> dict[str, float]:
    """Of all rounds."""
    spent = [await send(order) for _ in range(order["rounds"])]
    count = -(-order["count"] // AT_ONCE) * AT_ONCE
    return {"cpu_per_s": count / min(cpu_s for cpu_s, _ in spent), "per_s": count / min(s for _, s in spent)}


def main() -> None:
    """Obey one order."""
    order = json.loads(sys.stdin.read())
    messaging._MessagingService.FCM_URL = order["url"] + "/v1/projects/{0}/messages:send"  # noqa: SLF001 - no setting
    firebase_admin.initialize_app(Ready(), {"projectId": "shop-1"})
    sys.stdout.write(json.dumps(asyncio.run(best(order))) + "\n")


if __name__ == "__main__":
    main()
