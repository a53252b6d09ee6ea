"""Logging in and out by the API, and the code on the machine that lets the first one in."""

import asyncio
import base64
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from structlog.testing import capture_logs

from push.settings import HttpSettings
from tests.support.clocks import ShiftedClock
from tests.support.people import PASSWORD, as_person, first_admin, hired, log_in, person_of
from tests.support.servers import Caller, serving, settings


async def test_set_up_by_the_code_on_the_machine_once(tmp_path: Path) -> None:
    asked = settings(tmp_path / "data", http=HttpSettings(port=0, public_url="https://push.example/shop/"))
    with capture_logs() as lines:
        async with serving(asked) as server:
            path = server.folder / "setup.code"
            code = (await asyncio.to_thread(path.read_text)).strip()
            assert stat.S_IMODE((await asyncio.to_thread(path.stat)).st_mode) == 0o600
            [url] = [line["url"] for line in lines if line["event"].startswith("nobody can log in")]
            assert url == f"https://push.example/shop/console/setup#code={code}"
        async with serving(asked) as server:  # the same code, until it is used
            assert (await asyncio.to_thread(path.read_text)).strip() == code
            body = {"code": code, "login": "Ann", "name": "Ann", "password": PASSWORD}
            made = await asyncio.gather(*[server.call("POST", "/v1/setup", body=body) for _ in range(4)])
            assert sorted(answer.status for answer in made) == [201, 403, 403, 403]
            assert not await asyncio.to_thread(path.exists)
            [answer] = [answer for answer in made if answer.status == 201]
            assert answer.headers["Set-Cookie"].startswith("__Host-footfall_session=ff_session_")
            me = await as_person(server, person_of(answer), "GET", "/v1/session")
            assert (me["login"], me["role"], me["stores"], me["must_change"]) == ("ann", "admin", None, False)
        lines.clear()
        async with serving(asked):
            assert not await asyncio.to_thread(path.exists)
            assert not [line for line in lines if line["event"].startswith("nobody can log in")]


async def test_a_person_calls_what_her_role_may_and_logs_out(server: Caller) -> None:
    ann = await first_admin(server)
    assert await as_person(server, ann, "GET", "/v1/registry")
    assert await as_person(server, ann, "POST", "/v1/hooks", {"url": "https://hooks.example/x"})
    out = await server.call("DELETE", "/v1/session", headers=ann.headers)
    assert (out.status, out.raw) == (204, b"")
    assert "Max-Age=0" in out.headers["Set-Cookie"]
    assert (await server.call("GET", "/v1/session", headers=ann.headers)).status == 401


async def test_a_token_has_no_session(server: Caller) -> None:
    for method in ("GET", "DELETE"):
        assert (await server.call(method, "/v1/session", server.operator)).status == 403


async def test_neither_token_nor_password_is_in_any_answer_but_the_cookie(server: Caller) -> None:
    ann = await first_admin(server)
    answer = await log_in(server, "ann")
    secret = person_of(answer).cookie.partition("=")[2]
    assert secret not in answer.raw.decode()
    listed = await server.call("GET", "/v1/operators", headers=ann.headers)
    assert "password" not in listed.raw.decode()
    assert "argon2" not in listed.raw.decode()


async def test_wrong_logins_are_told_the_same_and_then_to_wait(server: Caller) -> None:
    await first_admin(server)
    said = {(await log_in(server, login, "wrong password")).raw for login in ("ann", "nobody")}
    assert len(said) == 1
    answers = [await log_in(server, "zoe", "wrong password") for _ in range(11)]
    assert [answer.status for answer in answers] == [401] * 10 + [429]
    assert int(answers[-1].headers["Retry-After"]) in range(1, 31)
    assert (await log_in(server, "ann")).status == 200


async def test_codes_from_the_first_scan_to_the_last_day_of_the_phone(tmp_path: Path) -> None:
    clock = ShiftedClock()
    async with serving(settings(tmp_path / "data"), clock) as server:
        ann = await first_admin(server)
        begun = await as_person(server, ann, "POST", "/v1/session/totp", {"password": PASSWORD})
        assert begun["qr_svg"].startswith("<svg")
        app = TOTP(base64.b32decode(begun["secret"].replace(" ", "")), 6, SHA1(), 30)  # noqa: S303 - RFC 6238

        def code() -> str:
            return app.generate(clock.now_ms() // 1000).decode()

        told = await as_person(server, ann, "PUT", "/v1/session/totp", {"code": code()})
        assert (await log_in(server, "ann")).status == 401
        clock.shift_ms += 30_000
        assert (await log_in(server, "ann", code=code())).status == 200
        assert (await log_in(server, "ann", code=told["codes"][0])).status == 200
        assert (await as_person(server, ann, "GET", "/v1/session"))["totp"]
        await as_person(server, ann, "POST", "/v1/session/totp/end", {"password": PASSWORD})
        assert (await log_in(server, "ann")).status == 200


async def test_an_admin_looks_after_people(server: Caller) -> None:
    ann = await first_admin(server)
    bob = await hired(server, "bob", "editor", ["s1"])
    [_, row] = await as_person(server, ann, "GET", "/v1/operators")
    assert (row["login"], row["role"], row["stores"], row["changed_by"]) == ("bob", "editor", ["s1"], "operator:bob")
    change = {"revision": row["revision"], "name": "Bobby", "role": "viewer"}
    path = f"/v1/operators/{row['id']}"
    assert (await as_person(server, ann, "PUT", path, change))["stores"] is None
    late = await server.call("PUT", path, body=change, headers=ann.headers)
    assert (late.status, late.json["title"]) == (409, "Changed meanwhile")
    assert "operator:ann changed this operator at " in late.json["detail"]
    assert (await server.call("PUT", path, body=change, headers=bob.headers)).status == 403
    told = await as_person(server, ann, "POST", f"{path}/password", {})
    assert (await server.call("GET", "/v1/session", headers=bob.headers)).status == 401
    again = person_of(await log_in(server, "bob", told["password"]))
    await as_person(server, ann, "DELETE", path)
    assert (await server.call("GET", "/v1/session", headers=again.headers)).status == 401
    assert (await log_in(server, "bob", told["password"])).status == 401


@pytest.mark.parametrize("leaf", ["", "/password", "/totp"])
async def test_bodies_that_are_not_understood_are_refused_without_repeating_them(server: Caller, leaf: str) -> None:
    ann = await first_admin(server)
    secret = "my very secret password"  # noqa: S105 - of the test
    method = {"": "POST", "/password": "PUT", "/totp": "POST"}[leaf]
    for body in ({"password": [secret]}, {"password": secret, "login": 7}, {secret: 1}):
        answer = await server.call(method, f"/v1/session{leaf}", body=body, headers=ann.headers)
        assert answer.status in {400, 401}
        assert secret not in answer.raw.decode() or secret in body
