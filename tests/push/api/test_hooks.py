"""Hooks as operators handle them: registered, listed, rotated, tested, deleted; and what happens arrives."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from push.deliver.hooks import MOST_HOOKS, HookSettings
from tests.support.clocks import RealClock
from tests.support.fresh import open_database
from tests.support.hook_receiver import Receiver, receiving
from tests.support.senders import sender, sent, to
from tests.support.servers import Caller, becomes, serving, settings


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    async with receiving(tmp_path) as (running, _):
        yield running


@pytest.fixture
async def server(receiver: Receiver, tmp_path: Path) -> AsyncIterator[Caller]:
    del receiver
    hooks = HookSettings(allow_private_hosts=True, ca_file=str(tmp_path / "receiver-ca.pem"), first_pause_ms=10)
    async with serving(settings(tmp_path / "data", hooks=hooks)) as running:
        yield running


async def listed(server: Caller) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await server.operate("GET", "/v1/hooks")
    return found


async def test_what_becomes_of_a_message_arrives_signed_and_in_order(server: Caller, receiver: Receiver) -> None:
    made = await server.operate("POST", "/v1/hooks", {"url": receiver.url})
    phone = await server.phone(marketing=True, inapp=True)
    async with server.listen(phone) as stream:
        [message] = await sent(server, to(shopper=phone.shopper))
        await stream.event()
        shown = {"delivery": message["delivery"], "kind": "shown", "at_ms": 1}
        assert (await server.call("POST", "/v1/receipts", phone.token, {"receipts": [shown]})).status == 202

    async def told() -> bool:
        return len(receiver.taken) == 3

    await becomes(told, "three events")
    assert all(receiver.verified(made["secret"], request) for request in receiver.taken)
    assert {r.body["type"] for r in receiver.taken} == {"message.queued", "message.accepted", "message.shown"}
    assert {r.body["data"]["delivery"] for r in receiver.taken} == {message["delivery"]}
    assert receiver.seqs == sorted(receiver.seqs)
    words = str([r.body for r in receiver.taken])
    assert "Your order is ready" not in words
    assert phone.device not in words


async def test_another_tool_is_told_what_she_agrees_to_and_that_she_is_erased(
    server: Caller, receiver: Receiver
) -> None:
    asked = {"kinds": ["profile.consent_changed", "profile.erased"], "identifier": "device"}
    made = await server.operate("POST", "/v1/hooks", {"url": receiver.url, **asked})
    phone = await server.phone(marketing=True, inapp=True)
    await server.operate("DELETE", f"/v1/people/{phone.shopper}")

    async def told() -> bool:
        return any(r.body["type"] == "profile.erased" for r in receiver.taken)

    await becomes(told, "the erasure")
    last = receiver.taken[-1]
    assert receiver.verified(made["secret"], last)
    assert last.body["data"] == {"identifier": "device", "ids": [phone.device], "seq": last.body["data"]["seq"]}
    consents = [r.body["data"] for r in receiver.taken if r.body["type"] == "profile.consent_changed"]
    assert all(one["ids"] == [phone.device] for one in consents)


async def test_a_hook_is_listed_without_its_secrets_and_says_how_it_fares(server: Caller, receiver: Receiver) -> None:
    asked = {"kinds": ["failed", "profile.erased", "failed"], "identifier": "email", "segments": ["vip"]}
    made = await server.operate("POST", "/v1/hooks", {"url": receiver.url, **asked})
    [hook] = await listed(server)
    assert hook["id"] == made["id"]
    assert (hook["state"], hook["reason"], hook["failures"], hook["behind"]) == ("active", None, 0, 0)
    assert hook["kinds"] == ["failed", "profile.erased"]
    assert (hook["identifier"], hook["segments"], hook["traits"]) == ("email", ["vip"], [])
    assert hook["origin"] == receiver.url.rpartition("/hook")[0]
    assert "token=secret" not in str(hook)
    assert made["secret"] not in str(hook)


async def test_a_test_says_what_the_receiver_said(server: Caller, receiver: Receiver) -> None:
    made = await server.operate("POST", "/v1/hooks", {"url": receiver.url})
    receiver.then(["204", "500", "cut"])
    answers = [await server.operate("POST", f"/v1/hooks/{made['id']}/test") for _ in range(3)]
    assert [(a["status"], a["reason"]) for a in answers] == [
        (204, None), (500, "service_failed"), (None, "outcome_unknown"),
    ]  # fmt: skip
    assert receiver.requests[0].body == {
        "type": "hook.test", "timestamp": receiver.requests[0].body["timestamp"], "data": {"hook": made["id"]},
    }  # fmt: skip
    assert receiver.verified(made["secret"], receiver.requests[0])


async def test_a_rotated_secret_is_another_and_signs_at_once(server: Caller, receiver: Receiver) -> None:
    made = await server.operate("POST", "/v1/hooks", {"url": receiver.url})
    rotated = await server.operate("POST", f"/v1/hooks/{made['id']}/rotate")
    assert rotated["id"] == made["id"]
    assert rotated["secret"] != made["secret"]
    await server.operate("POST", f"/v1/hooks/{made['id']}/test")
    assert receiver.verified(made["secret"], receiver.taken[0])
    assert receiver.verified(rotated["secret"], receiver.taken[0])


async def test_a_deleted_hook_gets_nothing_and_is_gone(server: Caller, receiver: Receiver) -> None:
    made = await server.operate("POST", "/v1/hooks", {"url": receiver.url})
    other = await server.operate("POST", "/v1/hooks", {"url": receiver.url, "kinds": ["queued"]})
    path = f"/v1/hooks/{made['id']}"
    assert (await server.call("DELETE", path, server.operator)).status == 204
    assert [hook["id"] for hook in await listed(server)] == [other["id"]]
    for method, gone in (("DELETE", path), ("POST", f"{path}/rotate"), ("POST", f"{path}/test")):
        answer = await server.call(method, gone, server.operator)
        assert (answer.status, answer.json["title"]) == (404, "Unknown hook")
    phone = await server.phone(marketing=True, inapp=True)
    await sent(server, to(shopper=phone.shopper))

    async def told() -> bool:
        return bool(receiver.taken)

    await becomes(told, "the other hook's event")
    assert [r.body["type"] for r in receiver.taken] == ["message.queued"]
    async with open_database(f"sqlite://{server.folder}/push.db", RealClock()) as db:
        trail = await db.fetch("registry.audit_trail", most=20)
    actions = {(row["action"], row["subject"]) for row in trail}
    assert {("new hook", made["id"]), ("delete hook", made["id"])} <= actions


async def test_only_operators_and_only_good_addresses(server: Caller) -> None:
    token = await sender(server)
    assert (await server.call("POST", "/v1/hooks", token, {"url": "https://x.example"})).status == 403
    for body in ({"url": "http://x.example"}, {"url": "nonsense"}, {"url": ""}, {"url": "https://u:p@x.example/"}):
        answer = await server.call("POST", "/v1/hooks", server.operator, body)
        assert answer.status == 400, body
    bad_kind = await server.call("POST", "/v1/hooks", server.operator, {"url": "https://x.example", "kinds": ["eaten"]})
    assert bad_kind.status == 400
    body = {"url": "https://x.example", "identifier": "shoe_size"}
    nobodys = await server.call("POST", "/v1/hooks", server.operator, body)
    assert (nobodys.status, "shoe_size" in nobodys.json["detail"]) == (400, True)
    for n in range(MOST_HOOKS):
        await server.operate("POST", "/v1/hooks", {"url": f"https://127.0.0.1:1/{n}"})
    full = await server.call("POST", "/v1/hooks", server.operator, {"url": "https://x.example"})
    assert (full.status, full.json["title"]) == (409, "Too many")


async def test_a_hook_inside_our_own_network_needs_the_setting(tmp_path: Path) -> None:
    async with serving(settings(tmp_path / "strict")) as server:
        for url in ("https://127.0.0.1/x", "https://192.168.1.4/x", "https://[fe80::1]/x"):
            answer = await server.call("POST", "/v1/hooks", server.operator, {"url": url})
            assert answer.status == 400
            assert "allow_private_hosts" in answer.json["detail"]
        made = await server.operate("POST", "/v1/hooks", {"url": "https://localhost/x"})
        answer = await server.operate("POST", f"/v1/hooks/{made['id']}/test")
        assert (answer["status"], answer["reason"]) == (None, "address_not_public")
