"""What a check found, and how checks run: all at once, each to its own deadline, whatever hangs."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, Literal, TypeVar

import msgspec

GRACE_S: Final = 2.0
"""How long a check that ran out of time may take for its farewells; then it is left behind."""
SOON_DAYS: Final = 21
"""A certificate that should have been renewed by itself by now: the common clients do so with 30 days left."""
T = TypeVar("T")

State = Literal["ok", "warning", "fault"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at: what was seen and, unless all is well, what to do next, in one sentence."""

    check: str
    state: State
    seen: str
    next_step: str = ""


Tell = Callable[[Finding], None]


class Check(msgspec.Struct, frozen=True):
    """Something to look at. `look` tells what it finds as it goes, so that what comes before a hang is not lost.

    `stuck` is the next step where it did not end within `deadline_s`.
    """

    name: str
    look: Callable[[Tell], Awaitable[None]]
    deadline_s: float
    stuck: str


def ok(check: str, seen: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", seen)


def warning(check: str, seen: str, next_step: str) -> Finding:
    """It works, but not as it should, or not for long."""
    return Finding(check, "warning", seen, next_step)


def fault(check: str, seen: str, next_step: str) -> Finding:
    """It does not work."""
    return Finding(check, "fault", seen, next_step)


async def run_checks(checks: Iterable[Check]) -> list[Finding]:
    """What all checks found, in their order."""
    found: Sequence[list[Finding]] = await asyncio.gather(*(_run(check) for check in checks))
    return [finding for findings in found for finding in findings]


async def _run(check: Check) -> list[Finding]:
    found: list[Finding] = []
    task = asyncio.ensure_future(check.look(found.append))
    done, _ = await asyncio.wait({task}, timeout=check.deadline_s)
    if not done:
        task.cancel()
        await asyncio.wait({task}, timeout=GRACE_S)
        return [*found, fault(check.name, f"no answer within {check.deadline_s:g} s", check.stuck)]
    error = task.exception()
    if error is not None:  # one check that cannot cope with this box must not hide what the others found
        seen = f"could not look: {type(error).__name__}: {error}"
        found.append(fault(check.name, seen, "Report this: it is a bug in the doctor."))
    return found


async def aside(work: Callable[[], T]) -> T:
    """The result of `work` from a thread that nobody waits for at exit: names may resolve, and disks answer, never."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def finish(value: T | None, error: BaseException | None) -> None:
        if result.done():
            return
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(value)  # type: ignore[arg-type]  # without an error it is a T

    def run() -> None:
        value, failure = None, None
        try:
            value = work()
        except Exception as error:  # noqa: BLE001 - raised by whoever awaits
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop has closed meanwhile
            loop.call_soon_threadsafe(finish, value, failure)

    threading.Thread(target=run, daemon=True, name="doctor").start()
    return await result
