"""What goes wrong with people and their proofs, as problems."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from aiohttp import hdrs

from push.access.errors import (
    AccessError,
    ChangedError,
    LastAdminError,
    NotLetInError,
    SetUpError,
    TooOftenError,
    UnknownOperatorError,
)
from push.api.contract import ProblemError


@contextmanager
def answering() -> Iterator[None]:
    """Let what the room refuses be answered. Raises `ProblemError`."""
    try:
        yield
    except AccessError as error:
        raise _problem(error) from None


def _problem(error: AccessError) -> ProblemError:
    match error:
        case NotLetInError():
            return ProblemError(401, "Not let in", str(error), {hdrs.WWW_AUTHENTICATE: "Bearer"})
        case TooOftenError(wait_s=wait_s):
            return ProblemError(429, "Too many attempts", str(error), {"Retry-After": str(wait_s)})
        case ChangedError(by=by, at_ms=at_ms):
            at = datetime.fromtimestamp(at_ms / 1000, UTC)
            detail = f"{by} changed this operator at {at:%Y-%m-%d %H:%M:%S} UTC. Look again, then change it anew."
            return ProblemError(409, "Changed meanwhile", detail)
        case _:
            status, title = _PLAIN.get(type(error), (400, "Does not fit"))
            return ProblemError(status, title, str(error))


_PLAIN: Final[Mapping[type[AccessError], tuple[int, str]]] = {
    UnknownOperatorError: (404, "Unknown operator"),
    LastAdminError: (409, "The last one"),
    SetUpError: (403, "Not set up"),
}
