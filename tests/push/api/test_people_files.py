"""Files of people over real HTTP: handed in, followed, and what was wrong with them as a file."""

import asyncio
import io
from typing import Any

from tests.support.servers import Answer, Caller, becomes


async def send(server: Caller, text: str, query: str = "", media: str = "text/csv") -> Answer:
    path = f"/v1/people/imports{query}"
    body = io.BytesIO(text.encode())
    return await server.call("POST", path, server.operator, data=body, headers={"Content-Type": media})


async def ended(server: Caller, begun: Answer) -> dict[str, Any]:
    assert begun.status == 202, begun
    found: dict[str, Any] = {}

    async def is_over() -> bool:
        found.update(await server.operate("GET", begun.headers["Location"]))
        return found["state"] not in {"receiving", "running"}

    await becomes(is_over, "the import to end")
    return found


async def test_people_and_their_orders_come_from_files(any_server: Caller) -> None:
    people = "user_id,trait.name,consent.profiling,consent.adult,consent_at\nu1,Ann,yes,yes,2026-01-02\n,Bob,,,\n"
    done = await ended(any_server, await send(any_server, people, "?source=crm"))
    assert (done["kind"], done["source"], done["kept"], done["refused"]) == ("people", "crm", 1, 1)
    errors = await any_server.call("GET", f"/v1/people/imports/{done['id']}/errors", any_server.operator)
    assert errors.headers["Content-Type"].startswith("text/csv")
    assert errors.raw.decode().splitlines() == [
        "line,field,expected", "3,identifiers,at least one identifier of a person was expected"
    ]  # fmt: skip
    orders = "user_id,order_id,at,sku,price\nu1,o1,2026-02-03,s1,9.5\nu1,o1,2026-02-03,s2,1\nu9,o2,2026-02-03,s1,1\n"
    bought = await ended(any_server, await send(any_server, orders, "?kind=orders&source=till"))
    assert (bought["rows_read"], bought["kept"], bought["no_consent"]) == (2, 1, 1)
    event = '{"identifiers": {"user_id": "u1"}, "event": "Card Used", "at": "2026-02-03T10:00:00Z"}\n'
    told = await ended(any_server, await send(any_server, event * 2, "?kind=events", "application/x-ndjson"))
    assert (told["rows_read"], told["kept"] + told["known"]) == (2, 2)
    listed = await any_server.operate("GET", "/v1/people/imports?limit=2")
    assert [one["id"] for one in listed["items"]] == [told["id"], bought["id"]]
    assert not await asyncio.to_thread(lambda: list((any_server.folder / "imports").iterdir()))


async def test_what_no_import_can_be_made_of_is_refused(server: Caller) -> None:
    assert (await send(server, "x", media="application/json")).status == 415
    assert (await send(server, "x", "?kind=orders", "application/x-ndjson")).status == 400
    assert (await send(server, "x", "?kind=cats")).status == 400


async def test_only_admins_hand_people_in(server: Caller) -> None:
    asked = {"subject": "crm", "scope": "operator", "role": "editor"}
    token = (await server.operate("POST", "/v1/tokens", asked))["token"]
    refused = await server.call(
        "POST", "/v1/people/imports", token, data=io.BytesIO(b"user_id\n"), headers={"Content-Type": "text/csv"}
    )
    assert refused.status == 403
