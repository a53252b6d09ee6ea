"""Sending from a terminal: lines of a file as calls of a thousand messages, that may be repeated.

    lines ─parse▶ messages ─calls▶ POST /v1/messages ─▶ Outcome

Each call's Idempotency-Key derives from what the file says, so that a mailing that was interrupted is repeated as a
whole: what went out is answered again, and not sent again (within the 24 hours that the server remembers).
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import aiohttp
import msgspec

from push.deliver.asked import MessageIn, Verdict, Verdicts
from push.model.delivery import State

AT_ONCE: Final = 500
"""Messages in one call: what a server writes in a moment."""
CALLS: Final = 4
"""Calls at once: while one is written, the next is read."""
LONGEST_LINE: Final = 256 * 1024
PATIENCE_S: Final = 300.0
"""A server that is away or full for longer ends the mailing; it may be repeated."""
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 30.0
_TIMEOUT: Final = aiohttp.ClientTimeout(total=60)
_LATER: Final = frozenset({409, 429, 502, 503, 504})
_SHOWN: Final = 300


class MailingError(Exception):
    """What ends a mailing: what, where, and what to do."""


@dataclass(frozen=True)
class Server:
    """Where to send, and as whom. The token is a secret."""

    url: str
    token: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """Of every call."""
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}


class Outcome(msgspec.Struct):
    """What became of a mailing so far: how many were queued, how many refused by reason, and the deliveries."""

    queued: int = 0
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    deliveries: list[str] = []

    def add(self, verdicts: Sequence[Verdict]) -> None:
        """Count a call's answers."""
        for verdict in verdicts:
            if verdict.delivery is not None:
                self.queued += 1
                self.deliveries.append(verdict.delivery)
            else:
                self.refused[verdict.reason or "unknown"] += 1


def parse(lines: Iterable[str], name: str) -> list[MessageIn]:
    """A message for each line of JSON that is not empty. Raises `MailingError`, naming the line."""
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if len(line) > LONGEST_LINE:
            raise MailingError(f"{name}:{number}: a line of at most {LONGEST_LINE} characters was expected")
        try:
            found.append(msgspec.json.decode(line, type=MessageIn))
        except (ValueError, RecursionError) as error:  # msgspec's errors are of this type
            raise MailingError(f"{name}:{number}: {error}; docs/push-gateway.md says what a message is") from None
    return found


def calls(messages: Sequence[MessageIn]) -> list[tuple[str, bytes]]:
    """Bodies of up to `AT_ONCE` messages, each with the key that it always gets."""
    found = []
    for start in range(0, len(messages), AT_ONCE):
        body = msgspec.json.encode({"messages": messages[start : start + AT_ONCE]})
        found.append((hashlib.sha256(b"%d\0" % start + body).hexdigest(), body))
    return found


async def send(server: Server, messages: Sequence[MessageIn], told: Callable[[int], None]) -> Outcome:
    """Send messages, a few calls at once; `told` learns how many more were answered. Raises `MailingError`."""
    outcome, waiting = Outcome(), asyncio.Queue[tuple[str, bytes]]()
    for call in calls(messages):
        waiting.put_nowait(call)
    async with aiohttp.ClientSession(timeout=_TIMEOUT, headers=server.headers) as session:

        async def work() -> None:
            while not waiting.empty():
                key, body = waiting.get_nowait()
                verdicts = await _call(session, f"{server.url}/v1/messages", key, body)
                outcome.add(verdicts)
                told(len(verdicts))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(CALLS):
                    group.create_task(work())
        except* MailingError as errors:
            raise _first(errors) from None
    return outcome


async def _call(session: aiohttp.ClientSession, url: str, key: str, body: bytes) -> Sequence[Verdict]:
    """One call, repeated with the same key for as long as it makes sense."""
    loop = asyncio.get_running_loop()
    until_s, wait_s = loop.time() + PATIENCE_S, FIRST_WAIT_S
    while True:
        trouble, asked_s = "", 0.0
        try:
            async with session.post(url, data=body, headers={"Idempotency-Key": f'"{key}"'}) as response:
                answer = await response.read()
                if response.ok:
                    return msgspec.json.decode(answer, type=Verdicts).messages
                trouble = problem(response.status, answer)
                if response.status not in _LATER:
                    raise MailingError(trouble)
                asked_s = _seconds(response.headers.get("Retry-After", ""))
        except (aiohttp.ClientError, TimeoutError) as error:
            trouble = f"{url}: {str(error) or type(error).__name__}"
        except msgspec.MsgspecError:
            raise MailingError(f"{url}: this answer is not Footfall's; is the address right?") from None
        wait_s = max(asked_s, min(wait_s * 2, LONGEST_WAIT_S))
        if loop.time() + wait_s > until_s:
            raise MailingError(f"{trouble}; the same command goes on where it was")
        await asyncio.sleep(wait_s)


def problem(status: int, answer: bytes) -> str:
    """What a server said was wrong."""
    try:
        detail = msgspec.json.decode(answer, type=dict[str, object]).get("detail", "")
    except msgspec.MsgspecError:
        detail = ""
    return f"the server answered {status}: {str(detail)[:_SHOWN] or 'without a reason'}"


def _seconds(text: str) -> float:
    return min(float(text), PATIENCE_S) if text.isascii() and text.isdigit() else 0.0


def _first(errors: BaseExceptionGroup[MailingError]) -> MailingError:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if not isinstance(error, MailingError):  # pragma: no cover - `except*` lets no other pass
        raise error
    return error


class _Stands(msgspec.Struct):
    state: State
    reason: str | None = None


class _Shown(msgspec.Struct):
    delivery: _Stands


async def follow(server: Server, deliveries: Sequence[str], every_s: float = 0.25) -> AsyncIterator[Counter[str]]:
    """How many deliveries stand where, again and again until nothing waits any more. Raises `MailingError`."""
    waiting, settled = list(deliveries), Counter[str]()
    async with aiohttp.ClientSession(timeout=_TIMEOUT, headers=server.headers) as session:
        while waiting:
            left = []
            for delivery in waiting:
                stands = await _stands(session, f"{server.url}/v1/deliveries/{delivery}")
                if stands.state in {State.PENDING, State.SENDING}:
                    left.append(delivery)
                else:
                    settled[stands.state if stands.reason is None else f"{stands.state}: {stands.reason}"] += 1
            waiting = left
            yield settled + Counter(waiting=len(waiting))
            await asyncio.sleep(every_s if waiting else 0)


async def _stands(session: aiohttp.ClientSession, url: str) -> _Stands:
    try:
        async with session.get(url) as response:
            answer = await response.read()
            if not response.ok:
                raise MailingError(problem(response.status, answer))
            return msgspec.json.decode(answer, type=_Shown).delivery
    except (aiohttp.ClientError, TimeoutError, msgspec.MsgspecError) as error:
        raise MailingError(f"{url}: {str(error) or type(error).__name__}") from None
