"""Tokens for other systems: each opens what its scope may do, and nothing once it was taken back."""

import asyncio
from pathlib import Path

from push.model.ports import Database, Row
from tests.support.clocks import RealClock, ShiftedClock
from tests.support.fresh import open_database
from tests.support.servers import Answer, Caller, serving, settings

SENDERS = ["/v1/deliveries", "/v1/deliveries/none"]
OPERATORS = ["/v1/registry", "/v1/decisions", "/v1/visits", "/v1/devices", "/v1/statistics", "/v1/hooks", "/v1/tokens"]


async def issue(server: Caller, scope: str, subject: str = "crm") -> tuple[str, str]:
    role = {"role": "admin"} if scope == "operator" else {}
    made = await server.operate("POST", "/v1/tokens", {"scope": scope, "subject": subject, **role})
    return made["token"], made["fingerprint"]


async def audited(server: Caller) -> list[Row]:
    async with open_database(f"sqlite://{server.folder}/push.db", RealClock()) as db:
        return await trail(db)


async def trail(db: Database) -> list[Row]:
    return await db.fetch("registry.audit_trail", most=100)


async def test_a_token_is_shown_once_and_listed_without_itself(server: Caller) -> None:
    token, fingerprint = await issue(server, "sender")
    rows = await server.operate("GET", "/v1/tokens")
    [row] = [row for row in rows if row["fingerprint"] == fingerprint]
    assert (row["scope"], row["subject"]) == ("sender", "crm")
    assert row["created_ms"] > 0
    assert token.startswith("ff_sender_")
    assert token not in str(rows)
    assert {row["scope"] for row in rows} == {"operator", "app", "sender"}


async def test_devices_are_not_listed(server: Caller) -> None:
    phone = await server.phone()
    rows = await server.operate("GET", "/v1/tokens")
    assert phone.device not in {row["subject"] for row in rows}


async def test_a_token_opens_what_its_scope_may_do_and_nothing_else(server: Caller) -> None:
    for scope in ("sender", "app", "screen"):
        token, fingerprint = await issue(server, scope)
        for path in SENDERS:
            assert (await server.call("GET", path, token)).status in ({200, 404} if scope == "sender" else {403})
        for path in OPERATORS:
            assert (await server.call("GET", path, token)).status == 403, (scope, path)
        body = {"scope": "operator", "subject": "me"}
        assert (await server.call("POST", "/v1/tokens", token, body)).status == 403
        assert (await server.call("DELETE", f"/v1/tokens/{fingerprint}", token)).status == 403


async def test_a_deleted_token_opens_nothing_at_once(server: Caller) -> None:
    token, fingerprint = await issue(server, "sender")
    assert (await server.call("GET", "/v1/deliveries", token)).status == 200
    assert (await server.call("DELETE", f"/v1/tokens/{fingerprint}", server.operator)).status == 204
    assert (await server.call("GET", "/v1/deliveries", token)).status == 401
    again = await server.call("DELETE", f"/v1/tokens/{fingerprint}", server.operator)
    assert (again.status, again.json["title"]) == (404, "Unknown token")


async def test_another_operator_may_replace_the_first_but_the_last_one_stays(server: Caller) -> None:
    [first] = [row for row in await server.operate("GET", "/v1/tokens") if row["scope"] == "operator"]
    path = f"/v1/tokens/{first['fingerprint']}"
    refused = await server.call("DELETE", path, server.operator)
    assert (refused.status, refused.json["title"]) == (409, "The last one")

    second, fingerprint = await issue(server, "operator", "ann")
    assert (await server.call("DELETE", path, second)).status == 204
    assert (await server.call("GET", "/v1/tokens", server.operator)).status == 401
    assert (await server.call("DELETE", f"/v1/tokens/{fingerprint}", second)).status == 409


async def test_of_two_who_delete_the_last_two_at_once_one_fails(any_server: Caller) -> None:
    [first] = [row for row in await any_server.operate("GET", "/v1/tokens") if row["scope"] == "operator"]
    second, fingerprint = await issue(any_server, "operator", "ann")

    async def delete(token: str, which: str) -> Answer:
        return await any_server.call("DELETE", f"/v1/tokens/{which}", token)

    answers = await asyncio.gather(delete(any_server.operator, fingerprint), delete(second, first["fingerprint"]))
    assert sorted(answer.status for answer in answers) in ([204, 401], [204, 409])  # or too late to say so


async def test_who_made_and_took_back_is_on_record_and_no_token_is(server: Caller) -> None:
    token, fingerprint = await issue(server, "screen", "screen-7")
    assert (await server.call("DELETE", f"/v1/tokens/{fingerprint}", server.operator)).status == 204
    rows = await audited(server)
    done = {(row["action"], row["subject"]) for row in rows}
    assert {("new token", "screen:screen-7"), ("delete token", "screen:screen-7")} <= done
    assert all(row["actor"].startswith("operator:") for row in rows if row["action"].endswith("token"))
    assert token not in str(rows)


BAD: list[dict[str, object]] = [
    {"scope": "device", "subject": "x"}, {"scope": "root", "subject": "x"}, {"scope": "sender"},
    {"scope": "sender", "subject": ""}, {"scope": "sender", "subject": "a b"},
    {"scope": "sender", "subject": "x", "more": 1},
]  # fmt: skip


async def test_for_whom_a_token_is_must_be_said_well(server: Caller) -> None:
    for body in BAD:
        assert (await server.call("POST", "/v1/tokens", server.operator, body)).status == 400, body


async def test_an_operators_token_is_a_viewers_unless_it_says_otherwise(server: Caller) -> None:
    for role, stores, may in ((None, None, {"/v1/statistics"}), ("editor", None, {"/v1/statistics", "/v1/visits"})):
        body = {"scope": "operator", "subject": "me", "role": role, "stores": stores}
        token = (await server.operate("POST", "/v1/tokens", body))["token"]
        for path in ("/v1/statistics", "/v1/visits", "/v1/tokens"):
            assert (await server.call("GET", path, token)).status == (200 if path in may else 403), (role, path)


async def test_a_token_that_has_ended_opens_nothing_and_is_still_listed(tmp_path: Path) -> None:
    clock = ShiftedClock()
    async with serving(settings(tmp_path / "data"), clock) as server:
        body = {"scope": "sender", "subject": "till", "name": "Till 7", "expires_ms": clock.now_ms() + 60_000}
        made = await server.operate("POST", "/v1/tokens", body)
        assert (await server.call("GET", "/v1/deliveries", made["token"])).status == 200
        clock.shift_ms += 60_000
        assert (await server.call("GET", "/v1/deliveries", made["token"])).status == 401
        [row] = [row for row in await server.operate("GET", "/v1/tokens") if row["subject"] == "till"]
        assert (row["name"], row["expired"], row["expires_ms"], row["role"]) == (
            "Till 7",
            True,
            body["expires_ms"],
            None,
        )
        late = {**body, "expires_ms": clock.now_ms()}
        assert (await server.call("POST", "/v1/tokens", server.operator, late)).status == 400
        clock.shift_ms += 91 * 86_400_000
        await server.operate("POST", "/v1/tokens", {"scope": "sender", "subject": "other"})
        assert "till" not in {row["subject"] for row in await server.operate("GET", "/v1/tokens")}


async def test_roles_are_for_operators(server: Caller) -> None:
    for more in ({"role": "viewer"}, {"stores": ["s1"]}):
        body = {"scope": "sender", "subject": "x", **more}
        assert (await server.call("POST", "/v1/tokens", server.operator, body)).status == 400
