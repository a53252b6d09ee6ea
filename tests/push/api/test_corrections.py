"""What is put right stays right, whatever systems say later, until that is taken back; and who may do it."""

from typing import Any

from tests.support.servers import Caller, Phone

AGREED = {"profiling": True, "adult": True}


async def known(server: Caller) -> str:
    """Somebody whom the register knows; where she is found."""
    await server.operate(
        "PUT", "/v1/shoppers/ada", {"id": "ada", "traits": {"city": "Ulm", "points": 3, "birthday": "1990-05-17"}}
    )
    phone = Phone(**await server.operate("POST", "/v1/devices", {"shopper": "ada", "platform": "web"}))
    assert (await server.call("PUT", phone.path("consent"), phone.token, {"purposes": AGREED})).status == 200
    return "/v1/people/ada"


async def traits(server: Caller) -> dict[str, Any]:
    found: dict[str, Any] = (await server.operate("GET", "/v1/people/ada"))["traits"]
    return found


async def test_a_correction_holds_above_what_comes_later_until_it_is_taken_back(any_server: Caller) -> None:
    server = any_server
    path = await known(server)
    right = {"trait": "points", "value": 700, "why": "her card was read twice"}
    assert (await server.call("POST", f"{path}/corrections", server.operator, right)).status == 204
    await server.operate("PUT", "/v1/shoppers/ada", {"id": "ada", "traits": {"city": "Bonn", "points": 4}})
    assert await traits(server) == {"city": "Bonn", "points": 700}
    gone = {"trait": "city", "value": None, "why": "she moved away"}
    assert (await server.call("POST", f"{path}/corrections", server.operator, gone)).status == 204
    assert await traits(server) == {"points": 700}
    for trait in ("points", "city"):
        back = {"trait": trait, "take_back": True, "why": "a mistake"}
        assert (await server.call("POST", f"{path}/corrections", server.operator, back)).status == 204
    assert await traits(server) == {"city": "Bonn", "points": 4}
    told = (await server.operate("GET", f"{path}/events"))["items"]
    assert [one["context"]["why"] for one in told] == ["a mistake", "a mistake", "she moved away", right["why"]]
    assert told[-1]["source"].startswith("correction:operator:")
    trail = (await server.operate("GET", "/v1/audit?action=correct%20person"))["items"]
    assert [(one["subject"], one["before"], one["after"]) for one in trail] == [
        ("person", None, {"shopper": "ada"})
    ] * 2


async def test_she_puts_right_herself_what_is_open_to_her(server: Caller) -> None:
    phone = await server.phone(**AGREED)
    said = {"id": phone.shopper, "traits": {"city": "Ulm", "points": 3, "birthday": "1990-05-17"}}
    await server.operate("PUT", f"/v1/shoppers/{phone.shopper}", said)
    assert (
        await server.call("POST", phone.path("corrections"), phone.token, {"trait": "city", "value": "Köln"})
    ).status == 204
    more = await server.call("POST", phone.path("corrections"), phone.token, {"trait": "points", "value": 1_000_000})
    assert more.status == 403
    own = (await server.call("GET", phone.path("traits"), phone.token)).json
    assert own["traits"] == {"city": "Köln", "points": 3, "birthday": "--05-17"}
    assert (own["corrected"], "city" in own["open"], "points" in own["open"]) == (["city"], True, False)


async def test_what_does_not_fit_is_refused_with_what_was_expected(server: Caller) -> None:
    path = await known(server)
    wrong: dict[str, dict[str, Any]] = {
        "a date": {"trait": "birthday", "value": "yesterday", "why": "so"},
        "a trait that was corrected": {"trait": "city", "take_back": True, "why": "so"},
        "`why`": {"trait": "city", "value": "Köln"},
        "`value` or `take_back`": {"trait": "city", "why": "so"},
    }
    for expected, body in wrong.items():
        answer = await server.call("POST", f"{path}/corrections", server.operator, body)
        assert (answer.status, expected in answer.json["detail"]) == (400, True), expected
