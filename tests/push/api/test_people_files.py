"""Files of people over real HTTP: handed in, followed, and what was wrong with them as a file."""

import asyncio
import io
import json
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


PEOPLE = (
    "user_id,email,trait.name,trait.points:number,consent.profiling,consent.adult,consent.email,consent_at\n"
    "u1,ann@x.example,=Ann,7,yes,yes,no,2026-01-02\n"
    "u2,bob@x.example,Bob,8,yes,yes,yes,2026-01-02\n"
    "u3,eve@x.example,Eve,9,no,yes,yes,2026-01-02\n"
)


async def exported(server: Caller, query: str = "") -> list[dict[str, Any]]:
    answer = await server.call("GET", f"/v1/people/export{query}", server.operator)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/x-ndjson")
    return [json.loads(line) for line in answer.raw.splitlines()]


async def test_people_go_out_as_they_agreed_and_come_in_again_as_the_same(any_server: Caller) -> None:
    await ended(any_server, await send(any_server, PEOPLE, "?source=crm"))
    found = {one["identifiers"]["user_id"][0]: one for one in await exported(any_server)}
    assert found.keys() == {"u1", "u2"}
    assert (found["u1"]["identifiers"]["email"], found["u1"]["traits"]) == (
        ["ann@x.example"], {"name": "=Ann", "points": 7}
    )  # fmt: skip
    agreed = {one["purpose"]: one for one in found["u1"]["consents"]}
    assert agreed["profiling"] == {"purpose": "profiling", "granted": True, "at": 1767312000000, "source": "crm"}
    assert not agreed["email"]["granted"]
    mailed = {one["identifiers"]["user_id"][0]: one["traits"] for one in await exported(any_server, "?purpose=email")}
    assert mailed == {"u2": {"name": "Bob", "points": 8}, "u3": {}}
    table = await any_server.call("GET", "/v1/people.csv?traits=name,points", any_server.operator)
    assert sorted(table.raw.decode("utf-8-sig").splitlines()) == [
        "u1,ann@x.example,,,'=Ann,7",
        "u2,bob@x.example,,,Bob,8",
        "user_id,email,phone,anonymous_id,trait.name,trait.points"
    ]  # fmt: skip
    lines = "".join(json.dumps(one) + "\n" for one in found.values())
    again = await ended(any_server, await send(any_server, lines, media="application/x-ndjson"))
    assert (again["state"], again["refused"]) == ("done", 0)
    assert {one["identifiers"]["user_id"][0]: one["traits"] for one in await exported(any_server)} == {
        name: one["traits"] for name, one in found.items()
    }
    trail = await any_server.operate("GET", "/v1/audit?action=export%20people")
    assert len(trail["items"]) == 4


async def test_what_people_did_goes_out_and_is_known_when_it_comes_again(any_server: Caller) -> None:
    await ended(any_server, await send(any_server, PEOPLE))
    orders = "user_id,order_id,at,sku,price\nu1,o1,2026-02-03,s1,9.5\nu3,o2,2026-02-03,s1,1\n"
    await ended(any_server, await send(any_server, orders, "?kind=orders"))
    [event] = await exported(any_server, "?kind=events")
    assert (event["identifiers"], event["event"]) == ({"user_id": ["u1"]}, "Order Completed")
    assert event["properties"]["products"] == [{"sku": "s1", "price": 9.5}]
    again = await ended(any_server, await send(any_server, json.dumps(event), "?kind=events", "application/jsonl"))
    assert (again["known"], again["kept"]) == (1, 0)
    asked = "/v1/people-events.csv?properties=order_id,products:json"
    table = (await any_server.call("GET", asked, any_server.operator)).raw.decode("utf-8-sig")
    head, row = table.splitlines()
    assert head.endswith("event,at,message_id,property.order_id,property.products:json")
    assert row.startswith("u1,,,,,,Order Completed,")
    again = await ended(any_server, await send(any_server, table, "?kind=events"))
    assert (again["known"], again["kept"], again["refused"]) == (1, 0, 0)


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
