"""The privacy desk: what people asked for, until when, and who did what about it."""

from tests.support.dumping import dump, holding
from tests.support.servers import Caller

DAY_MS = 86_400_000


async def test_a_request_is_due_in_a_month_and_may_take_two_more_once(any_server: Caller) -> None:
    server = any_server
    phone = await server.phone()
    made = await server.operate("POST", "/v1/requests", {"kind": "access", "person": phone.shopper})
    assert (made["state"], made["person"], [step["action"] for step in made["steps"]]) == (
        "open", phone.shopper, ["opened"],
    )  # fmt: skip
    assert 28 * DAY_MS <= made["due_ms"] - made["opened_ms"] <= 31 * DAY_MS
    path = f"/v1/requests/{made['id']}"
    later = await server.operate("POST", f"{path}/steps", {"action": "extended"})
    assert 89 * DAY_MS <= later["due_ms"] - made["opened_ms"] <= 92 * DAY_MS
    twice = await server.call("POST", f"{path}/steps", server.operator, {"action": "extended"})
    assert twice.status == 409
    done = await server.operate("POST", f"{path}/steps", {"action": "done"})
    assert (done["state"], done["closed_ms"] is None) == ("done", False)
    assert [step["action"] for step in (await server.operate("GET", path))["steps"]] == ["opened", "extended", "done"]
    assert (await server.call("POST", f"{path}/steps", server.operator, {"action": "refused"})).status == 409


async def test_those_that_are_due_first_stand_first_page_by_page(any_server: Caller) -> None:
    server = any_server
    phone = await server.phone()
    asked = {"kind": "object", "person": phone.shopper}
    made = [await server.operate("POST", "/v1/requests", asked) for _ in range(102)]
    await server.operate("POST", f"/v1/requests/{made[0]['id']}/steps", {"action": "refused"})
    first = await server.operate("GET", "/v1/requests?state=open")
    assert (len(first["items"]), made[0]["id"] in str(first)) == (100, False)
    rest = await server.operate("GET", f"/v1/requests?state=open&after={first['after']}")
    assert {one["id"] for one in first["items"] + rest["items"]} == {one["id"] for one in made[1:]}
    assert rest["after"] is None
    assert len((await server.operate("GET", "/v1/requests"))["items"]) == 100


async def test_after_an_erasure_the_request_stays_and_names_nobody(any_server: Caller, any_url: str) -> None:
    server = any_server
    phone = await server.phone()
    made = await server.operate("POST", "/v1/requests", {"kind": "erase", "person": phone.shopper})
    await server.operate("DELETE", f"/v1/people/{phone.shopper}")
    done = await server.operate("POST", f"/v1/requests/{made['id']}/steps", {"action": "done"})
    assert (done["person"], done["state"]) == ("", "done")
    assert holding(await dump(any_url, server.folder), phone.shopper) == {}


async def test_only_people_who_are_there_ask(server: Caller) -> None:
    asked = {"kind": "access", "person": "nobody"}
    assert (await server.call("POST", "/v1/requests", server.operator, asked)).status == 404
    phone = await server.phone()
    assert (await server.call("GET", "/v1/requests", phone.token)).status == 403
