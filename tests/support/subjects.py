"""Every channel before a service that does as it is told: what the tests of all channels are run on.

A subject has an address for each number, makes its service misbehave at the next message, and says what came in.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from firmware_sim import push_service
from push.channels import apns, email, fcm, vapid, webhook, webpush
from push.channels.apns import ApnsSettings
from push.channels.email import EmailSettings
from push.channels.log import LogChannel
from push.channels.webhook import WebhookSettings
from push.channels.webpush import WebPushSettings
from push.model.errors import PermanentError
from tests.support import apns_service, fcm_service, local_subjects, smtp_service
from tests.support.apns_service import Call
from tests.support.mailroom import Mailroom, mailroom
from tests.support.subject import CLOCK, GARBAGE, RETRY_AFTER, SILENT_S, Subject
from tests.support.webhook_service import Reply


class Nowhere(Subject):
    """The log: nothing is carried anywhere."""

    def address(self, n: int) -> dict[str, Any]:
        del n
        return {}

    def taken(self) -> Counter[str]:
        return Counter()


async def _webpush(room: Mailroom, stack: AsyncExitStack, timeout_s: float) -> Subject:
    origin, faults = room.webpush.origin, room.webpush.faults
    settings = WebPushSettings(origin_overrides={origin: origin}, timeout_s=timeout_s)
    channel = await stack.enter_async_context(webpush.connect(settings, vapid.generate()))

    def next_one(**fault: Any) -> Callable[[], object]:  # noqa: ANN401 - fields of any type
        return lambda: faults.append(push_service.Fault(**fault))

    found = Subject(
        channel,
        room,
        {
            "gone": next_one(status=410),
            "busy": next_one(status=429, headers=RETRY_AFTER),
            "refused": next_one(status=401),
            "cut": next_one(cut=b""),
            "silent": next_one(delay_s=SILENT_S),
            "garbage": next_one(cut=GARBAGE),
        },
    )
    found.expected["refused"] = PermanentError  # it may be this subscription alone that was made with another key
    return found


async def _fcm(room: Mailroom, stack: AsyncExitStack, timeout_s: float) -> Subject:
    faults = room.fcm.faults
    channel = await stack.enter_async_context(fcm.connect(room.fcm.settings(timeout_s=timeout_s), CLOCK))
    channel.use({"default": {**room.credentials()["fcm"], "private": False}})

    def next_one(**fault: Any) -> Callable[[], object]:  # noqa: ANN401 - fields of any type
        return lambda: faults.append(fcm_service.Fault(**fault))

    return Subject(
        channel,
        room,
        {
            "gone": next_one(status=404, code="UNREGISTERED"),
            "busy": next_one(status=429, code="QUOTA_EXCEEDED", headers=RETRY_AFTER),
            "refused": next_one(status=403, message="Permission denied"),
            "cut": next_one(cut=b""),
            "silent": next_one(delay_s=SILENT_S),
            "garbage": next_one(body=GARBAGE),
        },
    )


async def _apns(room: Mailroom, stack: AsyncExitStack, timeout_s: float) -> Subject:
    ca_file = room.apns.ca_file(room.folder)
    settings = ApnsSettings(host=apns_service.HOST, port=room.apns.port, ca_file=ca_file, timeout_s=timeout_s)
    channel = await stack.enter_async_context(apns.connect(settings, CLOCK))
    channel.use({"default": {**room.credentials()["apns"], "private": False}})

    def next_one(misbehave: Callable[[Call], object]) -> Callable[[], object]:
        def script(call: Call) -> None:
            room.apns.script = lambda later: later.answer()
            misbehave(call)

        def arm() -> None:
            room.apns.script = script

        return arm

    return Subject(
        channel,
        room,
        {
            "gone": next_one(lambda call: call.refuse(410, "Unregistered", timestamp=CLOCK.now_ms())),
            "busy": next_one(
                lambda call: call.answer(
                    429, b'{"reason": "TooManyRequests"}', {"retry-after": RETRY_AFTER["Retry-After"]}
                )
            ),
            "refused": next_one(lambda call: call.refuse(403, "InvalidProviderToken")),
            "cut": next_one(lambda call: call.connection.cut()),
            "silent": next_one(lambda _: None),
            "garbage": next_one(lambda call: call.connection.send(GARBAGE)),
        },
    )


async def _email(room: Mailroom, stack: AsyncExitStack, timeout_s: float) -> Subject:
    faults = room.smtp.faults
    settings = EmailSettings(
        allow_private_hosts=True, ca_file=str(room.folder / "mail.pem"), step_timeout_s=timeout_s, timeout_s=120
    )
    channel = await stack.enter_async_context(email.connect(settings))
    channel.use({"default": room.credentials()["email"]})

    def next_one(step: smtp_service.Step, answer: str | None = None, **fault: Any) -> Callable[[], object]:  # noqa: ANN401 - fields of any type
        tries = 2 if step == "AUTH" else 1  # a client tries each way to log in that the server offers
        return lambda: faults.extend([smtp_service.Fault(step, answer, **fault)] * tries)

    found = Subject(
        channel,
        room,
        {
            "gone": next_one("RCPT", "550 5.1.1 No such user"),
            "busy": next_one("MAIL", "452 4.3.1 Insufficient system storage"),
            "refused": next_one("AUTH", "535 5.7.8 Authentication credentials invalid"),
            "cut": next_one("content", cut=True),
            "silent": next_one("content", delay_s=SILENT_S),
            "garbage": next_one("content", "garbage"),
        },
    )
    found.retry_after_ms = None
    return found


async def _webhook(room: Mailroom, stack: AsyncExitStack, timeout_s: float) -> Subject:
    replies = room.receiver.replies
    settings = WebhookSettings(allow_private_hosts=True, ca_file=str(room.folder / "hook.pem"), timeout_s=timeout_s)
    channel = await stack.enter_async_context(webhook.connect(settings))
    channel.use({"default": room.credentials()["webhook"]})

    def next_one(reply: Reply) -> Callable[[], object]:
        return lambda: replies.append(reply)

    return Subject(
        channel,
        room,
        {  # an endpoint says nothing of one phone number
            "busy": next_one(Reply(429, RETRY_AFTER)),
            "refused": next_one(Reply(401)),
            "cut": next_one(Reply(cut=b"")),
            "silent": next_one(Reply(delay_s=SILENT_S)),
            "garbage": next_one(Reply(cut=GARBAGE)),
        },
    )


async def _log(room: Mailroom, stack: AsyncExitStack, timeout_s: float) -> Subject:
    del stack, timeout_s
    return Nowhere(LogChannel(), room, {})


SUBJECTS: Final = {
    "webpush": _webpush,
    "fcm": _fcm,
    "apns": _apns,
    "email": _email,
    "webhook": _webhook,
    "inapp": local_subjects.inapp,
    "screen": local_subjects.screen,
    "log": _log,
}


@asynccontextmanager
async def subject(name: str, folder: Path, timeout_s: float = 20.0) -> AsyncIterator[Subject]:
    """A channel, and its service on loopback, for the length of the block."""
    async with mailroom(folder) as room, AsyncExitStack() as stack:
        yield await SUBJECTS[name](room, stack, timeout_s)
