"""Schemas over real HTTP: learned from what files say, laid down, enforced."""

import io
import json
from typing import Any

from tests.support.servers import Caller, becomes


async def imported(server: Caller, *points: object) -> dict[str, Any]:
    rows = [
        {"identifiers": {"user_id": "u1"}, "event": "Card Used", "at": n, "properties": {"points": each}}
        for n, each in enumerate(points)
    ]
    raw = "\n".join(map(json.dumps, rows)).encode()
    headers = {"Content-Type": "application/x-ndjson"}
    path = "/v1/people/imports?kind=events"
    begun = await server.call("POST", path, server.operator, data=io.BytesIO(raw), headers=headers)
    found: dict[str, Any] = {}

    async def is_over() -> bool:
        found.update(await server.operate("GET", begun.headers["Location"]))
        return found["state"] not in {"receiving", "running"}

    await becomes(is_over, "the import to end")
    return found


async def test_what_is_seen_is_learned_and_what_is_laid_down_is_kept_to(any_server: Caller) -> None:
    server = any_server
    assert (await imported(server, 1, "two"))["refused"] == 0
    [shown] = await server.operate("GET", "/v1/schemas")
    assert (shown["kind"], shown["name"], shown["seen"]) == ("event", "Card Used", 2)
    assert [(one["field"], one["types"]) for one in shown["learned"]] == [("points", {"number": 1, "text": 1})]
    rule = {"fields": {"points": {"type": "number"}}, "mode": "enforce"}
    asked = {"kind": "event", "name": "Card Used", "laid_down": rule}
    assert (await server.call("PUT", "/v1/schemas", server.operator, asked)).status == 204
    assert (await imported(server, 1, "two"))["refused"] == 1
    [shown] = await server.operate("GET", "/v1/schemas")
    assert (shown["violations"], [one["field"] for one in shown["last"]]) == (1, ["points"])
    assert (await server.call("PUT", "/v1/schemas", server.operator, {**asked, "laid_down": None})).status == 204
    assert (await imported(server, "two"))["refused"] == 0


async def test_an_event_has_a_name_and_traits_have_none(server: Caller) -> None:
    for kind, name in (("event", ""), ("traits", "x")):
        asked = {"kind": kind, "name": name, "laid_down": None}
        assert (await server.call("PUT", "/v1/schemas", server.operator, asked)).status == 400
