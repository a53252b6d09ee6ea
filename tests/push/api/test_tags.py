"""Cards and fobs: claimed by their code in the app or at the till, nobody's consent changed, revoked when lost."""

import asyncio
from typing import Any

import pytest

from tests.support.people import hired
from tests.support.senders import sender
from tests.support.servers import STORE, Answer, Caller, Phone

CARD = "card-1"


async def card(server: Caller, name: str = CARD) -> str:
    """A tag of nobody's; its code."""
    record = {"id": name, "role": "tag", "format": "eid", "exponent": 10}
    await server.operate("PUT", f"/v1/beacons/{name}", {"beacon": record, "identity_key": "ab" * 16})
    [made] = await server.operate("POST", "/v1/provisioning/claims", {"beacons": [name]})
    assert made["url"] == f"{server.running.http_url}/app/#claim={made['code']}"
    return str(made["code"])


async def claim(server: Caller, phone: Phone, code: str) -> Answer:
    return await server.call("POST", phone.path("claims"), phone.token, {"code": code})


async def owner(server: Caller, name: str = CARD) -> Any:  # noqa: ANN401 - JSON
    return (await server.operate("GET", f"/v1/beacons/{name}"))["beacon"]["shopper"]


async def consents(server: Caller, phone: Phone) -> Any:  # noqa: ANN401 - JSON
    return (await server.call("GET", phone.path("consent"), phone.token)).json


async def test_a_card_is_claimed_in_the_app_and_no_consent_changes(any_server: Caller) -> None:
    server = any_server
    code, phone = await card(server), await server.phone()
    before = await consents(server, phone)
    claimed = await claim(server, phone, code.lower())
    assert (claimed.status, claimed.json) == (200, {"beacon": CARD})
    assert await owner(server) == phone.shopper
    assert await consents(server, phone) == before
    own = await server.call("GET", phone.path("tags"), phone.token)
    assert own.json == [{"beacon": CARD, "rotating": True}]
    assert (await claim(server, phone, code)).status == 200  # hers it is already


async def test_a_card_is_claimed_at_the_till(any_server: Caller) -> None:
    server = any_server
    code, till = await card(server), await sender(server)
    claimed = await server.call("POST", "/v1/claims", till, {"code": code, "shopper": "customer-7"})
    assert (claimed.status, await owner(server)) == (200, "customer-7")


async def test_a_claimed_card_is_nobody_elses_until_it_is_released(any_server: Caller) -> None:
    server = any_server
    code = await card(server)
    ann, bob = await server.phone(), await server.phone()
    assert (await claim(server, ann, code)).status == 200
    taken = await claim(server, bob, code)
    assert (taken.status, ann.shopper in taken.raw.decode()) == (409, False)
    assert (await server.call("DELETE", bob.path(f"tags/{CARD}"), bob.token)).status == 404
    assert (await server.call("DELETE", ann.path(f"tags/{CARD}"), ann.token)).status == 204
    assert (await claim(server, bob, code)).status == 200
    assert await owner(server) == bob.shopper


async def test_of_many_who_claim_at_once_one_gets_the_card(any_server: Caller) -> None:
    server = any_server
    code = await card(server)
    phones = [await server.phone() for _ in range(6)]
    answers = await asyncio.gather(*(claim(server, phone, code) for phone in phones))
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409, 409, 409]


async def test_a_lost_card_is_of_no_use_to_its_finder(any_server: Caller) -> None:
    server = any_server
    code, ann, finder = await card(server), await server.phone(), await server.phone()
    await claim(server, ann, code)
    gone = await server.call("DELETE", f"/v1/tags/{CARD}?lost=true", server.operator)
    assert (gone.status, await owner(server)) == (204, None)
    assert (await claim(server, finder, code)).status == 404
    [again] = await server.operate("POST", "/v1/provisioning/claims", {"beacons": [CARD]})
    assert (await claim(server, finder, again["code"])).status == 200


async def test_the_apps_own_tag_dies_when_it_is_given_up(server: Caller) -> None:
    phone = await server.phone(location=True)
    issued = (await server.call("POST", phone.path("tag"), phone.token)).json
    assert (await server.call("DELETE", phone.path(f"tags/{issued['beacon']}"), phone.token)).status == 204
    assert (await server.call("GET", f"/v1/beacons/{issued['beacon']}", server.operator)).status == 404


@pytest.mark.parametrize("code", ["", "AAAA-BBBB-CCCC-DDDD", "no code"])
async def test_a_code_of_no_card_is_said_to_be_none(server: Caller, code: str) -> None:
    answer = await claim(server, await server.phone(), code)
    assert (answer.status, answer.json["title"]) == (404, "No such code")


async def test_who_guesses_waits_and_others_do_not(server: Caller) -> None:
    code, ann, bob = await card(server), await server.phone(), await server.phone()
    guesses = [(await claim(server, ann, "AAAA-BBBB-CCCC-DDDD")).status for _ in range(12)]
    assert (guesses[0], guesses[-1]) == (404, 429)
    assert (await claim(server, bob, code)).status == 200


@pytest.mark.parametrize("record", [{"role": "tag", "staff": True}, {"role": "fixture", "store": STORE}])
async def test_staffs_tags_and_fixtures_have_no_code(server: Caller, record: dict[str, object]) -> None:
    body = {"beacon": {"id": "b", "format": "eid", **record}, "identity_key": "cd" * 16}
    await server.operate("PUT", "/v1/beacons/b", body)
    refused = await server.call("POST", "/v1/provisioning/claims", server.operator, {"beacons": ["b"]})
    assert refused.status == 404


async def test_a_claim_without_consent_locates_nobody(server: Caller) -> None:
    phone = await server.phone()
    record = {"id": "fob", "role": "tag", "format": "ibeacon", "static_id": "0a" * 20}
    await server.operate("PUT", "/v1/beacons/fob", {"beacon": record})
    [made] = await server.operate("POST", "/v1/provisioning/claims", {"beacons": ["fob"]})
    assert (await claim(server, phone, made["code"])).status == 200
    issued = await server.call("POST", phone.path("tag"), phone.token)
    assert (issued.status, issued.json["title"]) == (409, "Not agreed")


async def test_who_is_kept_to_stores_claims_no_card_of_another(any_server: Caller) -> None:
    server = any_server
    await server.operate("PUT", "/v1/stores/s2", {"id": "s2", "name": "Kiel"})
    record = {"id": CARD, "role": "tag", "format": "eid", "exponent": 10, "store": STORE}
    await server.operate("PUT", f"/v1/beacons/{CARD}", {"beacon": record, "identity_key": "ab" * 16})
    [made] = await server.operate("POST", "/v1/provisioning/claims", {"beacons": [CARD]})
    body = {"code": made["code"], "shopper": "customer-7"}
    hers, others = [await hired(server, f"ed-{store}", "editor", [store]) for store in (STORE, "s2")]
    assert (await server.call("POST", "/v1/claims", body=body, headers=others.headers)).status == 404
    assert await owner(server) is None
    assert (await server.call("POST", "/v1/claims", body=body, headers=hers.headers)).status == 200


async def test_viewers_do_not_learn_whose_a_tag_is(any_server: Caller) -> None:
    server = any_server
    code, phone = await card(server), await server.phone()
    await claim(server, phone, code)
    await server.operate("POST", "/v1/provisioning/claims", {"beacons": [CARD]})
    looks, writes = [await hired(server, role, role) for role in ("viewer", "editor")]
    for path in (f"/v1/beacons/{CARD}", "/v1/beacons?role=tag", "/v1/beacons.csv", "/v1/audit"):
        told = [await server.call("GET", path, headers=who.headers) for who in (looks, writes)]
        assert [one.status for one in told] == [200, 200], path
        assert [phone.shopper.encode() in one.raw for one in told] == [False, True], path
        assert phone.device.encode() not in told[0].raw, path
    heads = [
        (await server.call("GET", "/v1/beacons.csv", headers=who.headers)).raw.partition(b"\r\n")[0]
        for who in (looks, writes)
    ]
    assert [b"shopper" in head for head in heads] == [False, True]  # imported again, it takes no tag from its owner
