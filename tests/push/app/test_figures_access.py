"""Figures are for this machine itself, and for operators of every store."""

from pathlib import Path

import pytest

from push.access.desk import AccessSettings
from push.entrance import origin_of
from tests.support.people import first_admin, hired
from tests.support.servers import Caller, serving, settings


async def asked(server: Caller, token: str | None = None, **headers: str) -> int:
    return (await server.call("GET", "/metrics", token, headers=headers)).status


@pytest.mark.parametrize("strict", [False, True])
async def test_who_gets_figures(tmp_path: Path, *, strict: bool) -> None:
    access = AccessSettings(metrics_token_only=strict)
    async with serving(settings(tmp_path / "data", access=access)) as server:
        ann = await first_admin(server)
        assert await asked(server) == (401 if strict else 200)
        through_a_proxy = {"X-Forwarded-For": "127.0.0.1"}
        assert await asked(server, **through_a_proxy) == 401
        assert await asked(server, Via="1.1 proxy") == 401
        assert await asked(server, server.operator, **through_a_proxy) == 200
        assert await asked(server, server.app, **through_a_proxy) == 403
        assert await asked(server, "ff_operator_x", **through_a_proxy) == 401
        assert await asked(server, Cookie=ann.cookie, **through_a_proxy) == 200
        assert await asked(server, Cookie=ann.cookie, Origin="https://evil.example", **through_a_proxy) == 401
        kept = await hired(server, "bob", "admin", ["s1"])
        assert await asked(server, Cookie=kept.cookie, **through_a_proxy) == 403


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("", ""),
        ("https://push.example", "https://push.example"),
        ("https://push.example:443/shop", "https://push.example"),
        ("http://push.example:8080/", "http://push.example:8080"),
        ("https://PUSH.example", "https://push.example"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_an_origin_is_spelled_as_browsers_do(url: str, origin: str) -> None:
    assert origin_of(url) == origin
