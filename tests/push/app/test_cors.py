"""Pages of other origins may call the API where the operator named them, and nowhere else."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from push.settings import HttpSettings
from tests.support.servers import Caller, serving, settings

SHOP = "https://shop.example"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Caller]:
    http = HttpSettings(port=0, allowed_origins=(SHOP, "capacitor://localhost"))
    async with serving(settings(tmp_path / "data", http=http)) as caller:
        yield caller


def question(origin: str) -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,content-type",
    }


@pytest.mark.parametrize("origin", [SHOP, "capacitor://localhost"])
async def test_a_browser_that_asks_for_a_named_origin_may(server: Caller, origin: str) -> None:
    answer = await server.call("OPTIONS", "/v1/devices/d/consent", headers=question(origin))
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (204, origin)
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_answers_problems_and_streams_can_be_read_there(server: Caller) -> None:
    phone = await server.phone()
    for path, token in (("/v1/app/config", server.app), ("/v1/nowhere", server.app), ("/v1/registry", None)):
        answer = await server.call("GET", path, token, headers={"Origin": SHOP})
        assert answer.headers["Access-Control-Allow-Origin"] == SHOP
        assert answer.headers["Vary"] == "Origin"
    headers = {"Origin": SHOP, "Authorization": f"Bearer {phone.token}"}
    async with server.http.get(server.running.http_url + phone.path("messages"), headers=headers) as stream:
        assert stream.headers["Access-Control-Allow-Origin"] == SHOP


@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"{SHOP}.evil.example"])
async def test_other_origins_are_not_let_in(server: Caller, origin: str) -> None:
    asked = await server.call("OPTIONS", "/v1/devices", headers=question(origin))
    called = await server.call("GET", "/v1/app/config", server.app, headers={"Origin": origin})
    assert asked.status == 405
    assert "Access-Control-Allow-Origin" not in {*asked.headers, *called.headers}


async def test_without_a_setting_nothing_is_said(tmp_path: Path) -> None:
    async with serving(settings(tmp_path / "other")) as server:
        answer = await server.call("GET", "/v1/app/config", server.app, headers={"Origin": SHOP})
    assert not {"Access-Control-Allow-Origin", "Vary"} & set(answer.headers)
