"""Changing an operator at the console never lets her see more than the form says."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.people import Person, first_admin
from tests.support.servers import Caller, serving, settings


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Caller]:
    async with serving(settings(tmp_path / "data")) as caller:
        for store in ("s1", "s2"):
            await caller.operate("PUT", f"/v1/stores/{store}", {"id": store, "name": store})
        yield caller


async def saved_as_shown(server: Caller, admin: Person, id_: str) -> None:
    """Open her form, and save it without touching anything."""
    path = f"{server.running.http_url}/console/settings/operators/{id_}"
    headers = {"Cookie": admin.cookie}
    async with server.http.get(path, headers=headers) as answer:
        html = await answer.text()
    boxes = [box for box in re.findall(r"<input[^>]*name=\"stores\"[^>]*>", html) if " checked" in box]
    revision = re.search(r'name="revision" value="(\d+)"', html)
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', html)
    assert revision is not None
    assert csrf is not None
    fields = [("csrf", csrf[1]), ("revision", revision[1]), ("name", "Bo"), ("role", "viewer")]
    ticked = [("stores", found[1]) for box in boxes if (found := re.search(r'value="([^"]*)"', box))]
    async with server.http.post(path, data=fields + ticked, headers=headers, allow_redirects=False) as answer:
        assert answer.status == 303, await answer.text()


@pytest.mark.parametrize("stores", [[], ["s2"], ["s1", "s2"]])
async def test_saving_the_form_as_it_is_shown_changes_no_store_though_one_is_gone(
    server: Caller, stores: list[str]
) -> None:
    admin = await first_admin(server)
    made = await server.operate(
        "POST", "/v1/operators", {"login": "bo", "name": "Bo", "role": "viewer", "stores": stores}
    )
    assert (await server.call("DELETE", "/v1/stores/s2", server.operator)).status == 204
    await saved_as_shown(server, admin, made["operator"]["id"])
    listed: list[dict[str, Any]] = await server.operate("GET", "/v1/operators")
    assert [one["stores"] for one in listed if one["login"] == "bo"] == [stores]
