"""Who we are to each channel's service, for each app: put, tried, listed, deleted. Secrets come in, none goes out."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from push.api.contract import OPERATOR, Call, Context, Endpoint, Parameter, ProblemError
from push.model.credentials import Asked, CredentialInfo, NoSuchCredentialError
from push.model.errors import CredentialError, PermanentError, TransientError

_CHECK: Final = Parameter(
    "check", "query", "`false` stores the credential without asking its service.", {"type": "boolean"}
)
_EXPIRES: Final = Parameter(
    "expires_ms",
    "query",
    "When the credential ends, where you know and its service does not say: UTC, in ms.",
    {"type": "integer", "minimum": 0},
)
_TIME: Final = re.compile(r"[0-9]{1,15}")
_MALFORMED: Final = "bad_credential: "


async def list_all(context: Context, call: Call) -> list[CredentialInfo]:
    """Every credential, as people may see it."""
    del call
    return await context.credentials.all()


async def put(context: Context, call: Call) -> CredentialInfo:
    """Try a credential, store it, and send with it from now on."""
    asked = Asked(credential=call.body, actor=call.actor, expires_ms=_expires_ms(call), check=_flag(call))
    async with _told("Nothing was stored. `?check=false` stores it all the same."):
        return await context.credentials.put(call.path["channel"], call.path["app"], asked)


async def check(context: Context, call: Call) -> CredentialInfo:
    """Try a stored credential with its service now; the state says what came of it."""
    async with _told("Its state stays as it was."):
        return await context.credentials.check(call.path["channel"], call.path["app"])


async def delete(context: Context, call: Call) -> None:
    """Forget a credential; what would be sent with it waits until there is another."""
    async with _told(""):
        await context.credentials.delete(call.path["channel"], call.path["app"], call.actor)


def _flag(call: Call) -> bool:
    text = call.query.get("check", "true")
    if text not in {"true", "false"}:
        raise ProblemError(400, "Not understood", "`check` in the query: true or false was expected.")
    return text == "true"


def _expires_ms(call: Call) -> int | None:
    text = call.query.get("expires_ms")
    if text is None:
        return None
    if not _TIME.fullmatch(text) or not text.isascii():
        raise ProblemError(400, "Not understood", "`expires_ms` in the query: a time in ms since 1970 was expected.")
    return int(text)


@asynccontextmanager
async def _told(unanswered: str) -> AsyncIterator[None]:
    """What went wrong as a problem; `unanswered` says what it means that the service does not answer."""
    try:
        yield
    except NoSuchCredentialError as error:
        raise ProblemError(404, "Not here", f"There is {error.what}.") from None
    except (PermanentError, CredentialError) as error:
        if error.reason.startswith(_MALFORMED):
            raise ProblemError(400, "Does not fit", f"{error.reason.removeprefix(_MALFORMED)}.") from None
        detail = f"The service refuses this credential: {error.reason}{_status(error.status)}. Nothing was changed."
        raise ProblemError(422, "Refused", detail) from None
    except TransientError as error:
        detail = f"The service does not answer: {error.reason}{_status(error.status)}. {unanswered}"
        raise ProblemError(503, "Not now", detail, {"Retry-After": "10"}) from None


def _status(status: int | None) -> str:
    return "" if status is None else f" (status {status})"


_PATH: Final = "/v1/credentials/{channel}/{app}"
_BODY: Final = dict[str, Any]
ENDPOINTS: Final = (
    Endpoint(
        "GET", "/v1/credentials", OPERATOR, "Every credential, without secrets", list_all, result=list[CredentialInfo],
        role="editor",
    ),
    Endpoint(
        "PUT", _PATH, OPERATOR, "Try, store and use a credential", put, _BODY, CredentialInfo,
        parameters=(_CHECK, _EXPIRES), errors=(404, 422, 503), role="admin",
    ),
    Endpoint(
        "POST", f"{_PATH}/check", OPERATOR, "Try a credential now", check, result=CredentialInfo, errors=(404, 503),
        role="admin",
    ),
    Endpoint("DELETE", _PATH, OPERATOR, "Forget a credential", delete, errors=(404,), role="admin"),
)  # fmt: skip
