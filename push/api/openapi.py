"""The description of the API (OpenAPI 3.1), drawn from the endpoints themselves."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from beacons.topics import ID_PATTERN
from push.api.contract import Endpoint, Parameter


def document(endpoints: Sequence[Endpoint], version: str) -> bytes:
    """The description as JSON."""
    types = [t for e in endpoints for t in (e.body, e.result) if t is not None]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    schema_of = {id(t): schema for t, schema in zip(types, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schema_of)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "Footfall", "version": version, "license": {"name": "Apache-2.0"}},
            "paths": paths,
            "components": {"schemas": components, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
            "security": [{"token": []}],
        }
    )


def _operation(endpoint: Endpoint, schema_of: dict[int, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{endpoint.method.lower()} {endpoint.path}").strip("_"),
        "summary": endpoint.summary,
        "description": f"Takes a token of scope {' or '.join(sorted(endpoint.scopes))}.",
        "parameters": [*map(_in_path, re.findall(r"{(\w+)}", endpoint.path)), *map(_beside, endpoint.parameters)],
        "responses": {
            str(endpoint.status if endpoint.result is not None else 204): _result(endpoint, schema_of),
            "default": {"description": "A problem (RFC 9457).", "content": {"application/problem+json": {}}},
        },
    }
    if endpoint.body is not None:
        content = {"application/json": {"schema": schema_of[id(endpoint.body)]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _result(endpoint: Endpoint, schema_of: dict[int, Any]) -> dict[str, Any]:
    if endpoint.result is None:
        return {"description": "Done."}
    return {"description": "Done.", "content": {endpoint.media: {"schema": schema_of[id(endpoint.result)]}}}


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": ID_PATTERN}}


def _beside(parameter: Parameter) -> dict[str, Any]:
    schema = {"type": "string"}
    return {
        "name": parameter.name, "in": parameter.where, "description": parameter.description, "schema": schema,
    }  # fmt: skip
