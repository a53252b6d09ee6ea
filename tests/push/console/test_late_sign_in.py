"""Signing in at the address of a form that came too late opens what her role opens, and nothing before her password."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.people import PASSWORD, hired
from tests.support.servers import REGISTRY, STORE, Caller, serving, settings


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Caller]:
    async with serving(settings(tmp_path / "data")) as caller:
        await caller.operate("PUT", "/v1/registry", REGISTRY)
        yield caller


async def late(server: Caller, path: str, login: str, password: str) -> tuple[int, str]:
    """A form sent without a session, with the sign-in upon it: status, and where it leads or what it shows."""
    fields = {"name": "typed", "sign-in.login": login, "sign-in.password": password}
    url = f"{server.running.http_url}{path}"
    async with server.http.post(url, data=fields, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location") or await answer.text()


async def test_her_role_is_looked_at(server: Caller) -> None:
    await hired(server, "vera", "viewer")
    await hired(server, "edda", "editor")
    assert (await late(server, "/console/stores/new", "vera", PASSWORD))[0] == 403
    status, shown = await late(server, "/console/stores/new", "edda", PASSWORD)
    assert (status, 'value="typed"' in shown) == (200, True)


async def test_a_password_that_somebody_else_knows_is_changed_first(server: Caller) -> None:
    told = await server.operate("POST", "/v1/operators", {"login": "nina", "name": "Nina", "role": "editor"})
    found = await late(server, f"/console/stores/{STORE}", "nina", told["password"])
    assert found == (303, "/console/settings/password")
