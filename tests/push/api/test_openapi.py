"""The description says what is served: every call, every type; and calls drawn from it never make the server fail."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from push.api import openapi
from push.app import ENDPOINTS
from tests.support.servers import Caller

DOCUMENT: dict[str, Any] = json.loads(openapi.document(ENDPOINTS, "1.2.3"))
OPERATIONS = [(path, method, op) for path, item in DOCUMENT["paths"].items() for method, op in item.items()]


def refs(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from refs(value)


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        node: Any = DOCUMENT
        for part in schema["$ref"].removeprefix("#/").split("/"):
            node = node[part]
        schema = node
    return schema


def test_it_is_complete() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert DOCUMENT["info"].keys() >= {"title", "version"}
    assert {(path, method.upper()) for path, method, _ in OPERATIONS} == {(e.path, e.method) for e in ENDPOINTS}
    assert len({op["operationId"] for _, _, op in OPERATIONS}) == len(OPERATIONS)


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    targets = set(refs(DOCUMENT))
    for target in targets:
        assert resolved({"$ref": target}), target
    assert {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]} == targets


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=lambda value: str(value)[:40])
def test_every_operation_says_what_it_takes_and_gives(path: str, method: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    in_path = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
    assert in_path == re.findall(r"{(\w+)}", path)
    assert any(status.startswith("2") for status in operation["responses"])
    assert ("requestBody" in operation) <= (method in {"put", "post"})
    for status, response in operation["responses"].items():
        assert response["description"]
        for media in response.get("content", {}).values():
            assert status == "default" or media["schema"]


async def test_it_is_served(server: Caller) -> None:
    answer = await server.call("GET", "/openapi.json")
    assert (answer.status, answer.json["paths"].keys()) == (200, DOCUMENT["paths"].keys())


# --- calls drawn from the description ---------------------------------------------------------------------------------

IDS = st.sampled_from(["s1", "z1", "fix-1", "welcome", "ada", "g1", "x"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def drawn(schema: dict[str, Any]) -> SearchStrategy[Any]:
    """Values of a schema: mostly right, now and then of any kind."""
    return st.one_of(*[_right(resolved(schema))] * 9, ANYTHING)


def _right(schema: dict[str, Any]) -> SearchStrategy[Any]:
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return st.one_of([drawn(option) for option in schema[key]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    makers: dict[str, Callable[[dict[str, Any]], SearchStrategy[Any]]] = {
        "object": _objects, "array": _arrays, "string": _strings, "integer": _integers, "number": _numbers,
        "boolean": _booleans, "null": _nulls,
    }  # fmt: skip
    maker = makers.get(schema.get("type", ""))
    return ANYTHING if maker is None else maker(schema)


def _objects(schema: dict[str, Any]) -> SearchStrategy[Any]:
    known = {name: drawn(sub) for name, sub in schema.get("properties", {}).items()}
    required = {name: known[name] for name in schema.get("required", [])}
    optional = {name: value for name, value in known.items() if name not in required}
    if not known and isinstance(schema.get("additionalProperties"), dict):
        names = {"type": "string", **resolved(schema.get("propertyNames", {}))}
        return st.dictionaries(_right(names), drawn(schema["additionalProperties"]), max_size=4)
    return st.fixed_dictionaries(required, optional=optional)


def _arrays(schema: dict[str, Any]) -> SearchStrategy[Any]:
    if "prefixItems" in schema:
        return st.tuples(*map(drawn, schema["prefixItems"])).map(list)
    items = schema.get("items")
    return st.lists(drawn(items) if isinstance(items, dict) else ANYTHING, max_size=3)


def _strings(schema: dict[str, Any]) -> SearchStrategy[Any]:
    pattern = schema.get("pattern")
    if pattern is None:
        most = min(schema.get("maxLength", 40), 40)
        return st.one_of(IDS, st.text(min_size=schema.get("minLength", 0), max_size=most), st.just("ab" * 20))
    return st.one_of(IDS, st.from_regex(pattern.replace("(?!\\n)", ""), fullmatch=True))


def _booleans(_: dict[str, Any]) -> SearchStrategy[Any]:
    return st.booleans()


def _nulls(_: dict[str, Any]) -> SearchStrategy[Any]:
    return st.none()


def _integers(schema: dict[str, Any]) -> SearchStrategy[Any]:
    return st.integers(schema.get("minimum", -(2**63)), schema.get("maximum", 2**63))


def _numbers(schema: dict[str, Any]) -> SearchStrategy[Any]:
    return st.floats(schema.get("minimum"), schema.get("maximum"), allow_nan=False, allow_infinity=False)


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, str, object]:
    """Method, path with `{device}` still in it, body."""
    path, method, operation = draw(st.sampled_from([op for op in OPERATIONS if "text/event-stream" not in str(op)]))
    path = re.sub(r"{(?!device)\w+}", lambda _: draw(IDS), path)
    query: dict[str, str] = {
        p["name"]: draw(st.text(max_size=5) | IDS) for p in operation["parameters"] if p["in"] == "query"
    }
    asks: bool = draw(st.booleans())
    if query and asks:
        path += "?" + "&".join(f"{name}={value}" for name, value in query.items() if value.isalnum())
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    return method.upper(), path, None if schema is None else draw(drawn(schema))


@settings(max_examples=40, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(batch=st.lists(calls(), min_size=10, max_size=20))
def _collected(batch: list[tuple[str, str, object]]) -> None:
    COLLECTED.extend(batch)


COLLECTED: list[tuple[str, str, object]] = []


async def test_no_call_that_the_description_allows_makes_the_server_fail(any_server: Caller) -> None:
    server = any_server
    COLLECTED.clear()
    _collected()
    phone = await server.phone(location=True, marketing=True, inapp=True)
    statuses: dict[int, int] = {}
    for method, path, body in COLLECTED:
        for_device = "{device}" in path or path in {"/v1/sightings", "/v1/receipts"}
        token = phone.token if for_device else server.operator
        raw = None if body is None else json.dumps(body).encode()
        answer = await server.call(method, path.replace("{device}", phone.device), token, data=raw)
        assert answer.status < 500, (method, path, body, answer)
        assert answer.status < 400 or answer.headers["Content-Type"] == "application/problem+json"
        statuses[answer.status] = statuses.get(answer.status, 0) + 1
    assert len(COLLECTED) > 300
    assert statuses.keys() >= {200, 400}, statuses
