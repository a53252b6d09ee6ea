"""Other people's gateways at the console: whom to believe in a form, and a password that is shown this once."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.desk import Desk
from tests.support.people import first_admin
from tests.support.servers import STORE, Caller, serving, settings

PAGE: Final = f"/console/stores/{STORE}/sources"
TYPED: Final = {
    "kind": "espresense",
    "topic": "espresense/devices/+/hamburg-door",
    "gateways": "hamburg-door = g1",
    "enabled": "on",
}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Caller]:
    async with serving(settings(tmp_path / "data")) as caller:
        await caller.operate("PUT", f"/v1/stores/{STORE}", {"id": STORE, "name": "Hamburg"})
        await caller.operate("PUT", f"/v1/stores/{STORE}/gateways/g1", {"gateway": {"id": "g1", "store": STORE}})
        yield caller


def password(html: str) -> str:
    [found] = re.findall(r'<code id="password">([^<]+)<', html)
    return str(found)


async def test_a_source_is_added_changed_given_another_password_and_taken_away(server: Caller) -> None:
    desk = Desk(server, await first_admin(server))
    status, html = await desk.send(PAGE, **TYPED, id="door")
    assert (status, "shown this once" in html, f"source.{STORE}.door" in html) == (200, True, True)
    first = password(html)
    page = await desk.look(f"{PAGE}/door")
    assert first not in page
    assert "nothing heard since the server runs" in page
    assert (await desk.send(f"{PAGE}/door", **TYPED, triggers="on"))[0] == 303
    held = (await server.operate("GET", f"/v1/stores/{STORE}/sources/door"))["source"]
    assert (held["triggers"], held["gateways"]) == (True, {"hamburg-door": "g1"})
    status, html = await desk.send(f"{PAGE}/door", **TYPED, revision="1")
    assert (status, "changed this while you were typing" in html) == (409, True)
    assert password((await desk.send(f"{PAGE}/door", do="renew"))[1]) != first
    assert (await desk.send(f"{PAGE}/door", do="delete"))[0] == 303
    assert "Nobody yet" in await desk.look(PAGE)
    for field, typed, expected in (
        ("topic", "#/x", "levels of letters"),
        ("gateways", "hamburg-door", "A line for each was expected"),
        ("gateways", "a = g2", "has no gateway 'g2'"),
        ("id", "a b", "Letters, digits"),
    ):
        status, html = await desk.send(PAGE, **{"id": "door", **TYPED, field: typed})
        [wrong] = re.findall(rf'id="w-{field}">([^<]*)<', html)
        assert (status, expected in wrong) == (422, True), wrong
