"""The description of the API (OpenAPI 3.1), drawn from the endpoints themselves."""

import re
from collections.abc import Sequence
from types import UnionType
from typing import Annotated, Any, Final, Literal, get_args

import msgspec

from beacons.topics import ID_PATTERN
from push.access.sessions import COOKIE
from push.api.contract import Endpoint, Parameter

PROBLEMS: Final = {
    400: "Not understood: a part of the call is not what was expected, and the answer says which.",
    401: "No token or session, or none that is known; or, of who logs in, what she says is not right.",
    403: "A token of another scope, an operator of a lesser role, or what is asked for is not the caller's.",
    404: "There is no such thing.",
    408: "The body did not arrive in time.",
    409: "Not as things stand: the answer says why.",
    410: "There was such a thing, but it has ended.",
    412: "It was changed since the caller looked: `ETag` says what stands now.",
    413: "The body is too large.",
    415: "The body is of another kind than what is taken.",
    422: "An `Idempotency-Key` that was used for another call.",
    429: "Too much waits already, or was tried: `Retry-After` says when to ask again.",
    503: "Not now: the database is away, or too much waits. `Retry-After` says when to ask again.",
}
"""What each status of a problem means, for every call alike."""


_RAW: Final = {"type": "string", "format": "binary"}


class Problem(msgspec.Struct, frozen=True):
    """What went wrong (RFC 9457): `detail` says what to do next."""

    type: Literal["about:blank"]
    title: str
    status: Annotated[int, msgspec.Meta(ge=400, le=599)]
    detail: str


_SCHEMES: Final = {
    "token": {"type": "http", "scheme": "bearer"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
}


def document(endpoints: Sequence[Endpoint], version: str) -> bytes:
    """The description as JSON."""
    types = [kind for e in endpoints for kind in (*alternatives(e.body), *alternatives(e.result))]
    schemas, components = msgspec.json.schema_components([*types, Problem], ref_template="#/components/schemas/{name}")
    schema_of = {id(kind): schema for kind, schema in zip([*types, Problem], schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schema_of)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "Footfall", "version": version, "license": {"name": "Apache-2.0"}},
            "paths": paths,
            "components": {"schemas": components, "securitySchemes": _SCHEMES},
            "security": [{"token": []}],
        }
    )


def alternatives(kind: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a type that msgspec knows, several, or None
    """The types that a body may have; none for no body."""
    if kind is None or kind is bytes:
        return ()
    return get_args(kind) if isinstance(kind, UnionType) else (kind,)


def _operation(endpoint: Endpoint, schema_of: dict[int, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{endpoint.method.lower()} {endpoint.path}").strip("_"),
        "summary": endpoint.summary,
        "description": _takes(endpoint),
        **({} if endpoint.scopes else {"security": []}),
        **({"security": [{"session": []}]} if endpoint.of_session else {}),
        "parameters": [*map(_in_path, re.findall(r"{(\w+)}", endpoint.path)), *map(_beside, endpoint.parameters)],
        "responses": {
            str(endpoint.status if endpoint.result is not None else 204): _result(endpoint, schema_of),
            **{str(status): _problem(status, schema_of) for status in problems(endpoint)},
        },
    }
    if endpoint.body is not None:
        content = {"application/json": {"schema": _any_of(endpoint.body, schema_of)}}
        operation["requestBody"] = {"required": True, "content": content}
    if endpoint.raw is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {kind: {"schema": _RAW} for kind in endpoint.raw.media},
        }
    return operation


def _takes(endpoint: Endpoint) -> str:
    """What opens it, in words."""
    if not endpoint.scopes:
        return "Takes no credential but what stands in its body."
    if endpoint.of_session:
        return "Takes the cookie of a session."
    text = f"Takes a token of scope {' or '.join(sorted(endpoint.scopes))}"
    if "operator" not in endpoint.scopes:
        return f"{text}."
    whose = {"chain": "of every store", "store": "of the store", "own": "of any stores, and keeps to them"}
    return f"{text}; of operators, or by their session, it takes the role {endpoint.least} {whose[endpoint.reach]}."


def problems(endpoint: Endpoint) -> list[int]:
    """The statuses of the problems that a call may be answered with, in order."""
    found = {400, 403, 503, *endpoint.errors}
    if endpoint.scopes:
        found.add(401)
    if endpoint.body is not None:
        found |= {408, 413}
    if endpoint.raw is not None:
        found |= {408, 413, 415}
    return sorted(found)


def _problem(status: int, schema_of: dict[int, Any]) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": schema_of[id(Problem)]}}
    return {"description": PROBLEMS[status], "content": content}


def _result(endpoint: Endpoint, schema_of: dict[int, Any]) -> dict[str, Any]:
    if endpoint.result is None:
        return {"description": "Done."}
    if endpoint.result is bytes:
        return {"description": "Done.", "content": {endpoint.media: {"schema": _RAW}}}
    return {"description": "Done.", "content": {endpoint.media: {"schema": _any_of(endpoint.result, schema_of)}}}


def _any_of(kind: Any, schema_of: dict[int, Any]) -> Any:  # noqa: ANN401 - JSON
    schemas = [schema_of[id(each)] for each in alternatives(kind)]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": ID_PATTERN}}


def _beside(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": str(parameter.name),
        "in": parameter.where,
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }
