"""What the registry refuses, as problems; and revisions as entity tags (RFC 9110, section 8.8.3)."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from aiohttp import hdrs

from push.api.contract import Call, Parameter, ProblemError
from push.model.errors import AbsentError, MisfitError, RegistryError, StaleError, TakenError
from push.registry.editing import EXISTING

_TAG: Final = r'^(\*|"[0-9]{1,15}")$'
IF_MATCH: Final = Parameter(
    hdrs.IF_MATCH,
    "header",
    "The `ETag` of what the caller saw, or `*`: it is written only while that still stands, else answered with 412.",
    {"type": "string", "pattern": _TAG},
)
IF_NONE_MATCH: Final = Parameter(
    hdrs.IF_NONE_MATCH, "header", "`*`: it is written only if there is none yet, else answered with 412.",
    {"type": "string", "enum": ["*"]},
)  # fmt: skip
CONDITIONS: Final = (IF_MATCH, IF_NONE_MATCH)


def expected(call: Call) -> int | None:
    """The revision that the caller saw, as `push.registry.editing` takes it. Raises `ProblemError` 400."""
    match, none_match = call.headers.get(hdrs.IF_MATCH), call.headers.get(hdrs.IF_NONE_MATCH)
    if none_match is not None:
        if none_match != "*" or match is not None:
            raise ProblemError(400, "Not understood", "`If-None-Match`: only `*`, and no `If-Match`, was expected.")
        return 0
    if match is None:
        return None
    if re.fullmatch(_TAG, match) is None:
        raise ProblemError(400, "Not understood", "`If-Match`: an `ETag` of ours or `*` was expected.")
    return EXISTING if match == "*" else int(match.strip('"'))


def tag(revision: int) -> Mapping[str, str]:
    """The header that names a revision."""
    return {hdrs.ETAG: f'"{revision}"'}


_ELSEWHERE: Final = (
    "Another beacon has such an id, or says it: every id is one beacon's. Who sees every store can look."
)


@contextmanager
def refusing(call: Call | None = None) -> Iterator[None]:
    """Turn what the registry refuses into problems; who is kept to some stores is told no ids of others, by `call`."""
    try:
        yield
    except RegistryError as error:
        if isinstance(error, TakenError) and call is not None and call.principal.stores is not None:
            raise ProblemError(409, "Taken", _ELSEWHERE) from None
        raise as_problem(error) from None


def as_problem(error: RegistryError) -> ProblemError:
    """A refusal as a problem."""
    match error:
        case MisfitError():
            return ProblemError(400, "Does not fit", f"{error}")
        case AbsentError():
            return ProblemError(404, "Not there", f"There is no {error.subject}.")
        case TakenError():
            return ProblemError(409, "Taken", f"{error}.")
        case StaleError() if error.revision:
            when = datetime.fromtimestamp(error.changed_ms / 1000, UTC).isoformat(timespec="seconds")
            detail = f"{error}, at {when}. GET what stands now, and decide anew."
            return ProblemError(412, "Changed meanwhile", detail, tag(error.revision))
        case _:
            return ProblemError(412, "Changed meanwhile", f"{error}.")
