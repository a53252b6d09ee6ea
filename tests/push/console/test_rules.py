"""Rules of presence at the console: what is left empty is inherited, and says from where."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from push.console.pages import rules
from push.model.sites import Rules
from tests.support.desk import Desk
from tests.support.people import first_admin
from tests.support.servers import STORE, Caller, serving, settings

DOCS = (Path(__file__).parents[3] / "docs" / "presence.md").read_text(encoding="utf-8")
PAGE = f"/console/stores/{STORE}/presence"
ZONE = f"/console/stores/{STORE}/zones/z1/presence"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Caller]:
    async with serving(settings(tmp_path / "data")) as caller:
        await caller.operate("PUT", f"/v1/stores/{STORE}", {"id": STORE, "name": "Hamburg"})
        await caller.operate("PUT", f"/v1/stores/{STORE}/zones/z1", {"store": STORE, "id": "z1", "name": "Till"})
        yield caller


def said(told: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in told.items() if value is not None}


def test_every_rule_has_its_field_its_words_and_its_line_in_the_documentation() -> None:
    names = list(Rules.__struct_fields__)
    assert [list(each) for each in (rules.FIELDS, rules.DOES, rules.EXPECTED)] == [names] * 3
    assert re.findall(r"^\| `(\w+)` \|", DOCS.partition("## Rules")[2].partition("\n## ")[0], re.MULTILINE) == names


async def test_a_form_says_what_differs_what_that_does_and_takes_it_back(server: Caller) -> None:
    desk = Desk(server, await first_admin(server))
    assert "Left empty: 0.6." in await desk.look(PAGE)
    typed = {"enter_dbm": "\N{MINUS SIGN}70", "zone_enter": "0,75", "dwell_marks_s": "10, 60"}
    assert (await desk.send(PAGE, **typed))[0] == 303
    stored = await server.operate("GET", f"/v1{PAGE.removeprefix('/console')}")
    assert said(stored["rules"]) == {"enter_dbm": -70.0, "zone_enter": 0.75, "dwell_marks_s": [10, 60]}
    zone = await desk.look(ZONE)
    assert "Left empty: 0.75." in zone
    assert "Left empty: 10, 60." in zone
    assert "enter_dbm" not in zone
    assert (await desk.send(ZONE, dwell_marks_s="none"))[0] == 303
    assert "Dwells after, seconds: none" in await desk.look(PAGE)
    assert (await desk.send(PAGE, do="reset"))[0] == 303
    assert "Left empty: 30, 120, 300." in await desk.look(ZONE)
    assert (await desk.send(PAGE, do="reset"))[0] == 303, "there is nothing any more"


async def test_what_cannot_hold_is_said_at_its_field_and_nothing_is_written_over(server: Caller) -> None:
    desk = Desk(server, await first_admin(server))
    for field, typed, expected in (
        ("zone_leave", "0.9", "zone_leave (0.9) is above zone_enter (0.55)"),
        ("leave_after_s", "1.5", "Whole seconds from 5 to 86400 were expected."),
        ("dwell_marks_s", "10, soon", "with commas between"),
        ("enter_dbm", "loud", "A number was expected."),
    ):
        status, html = await desk.send(PAGE, **{field: typed})
        [wrong] = re.findall(rf'id="w-{field}">([^<]*)<', html)
        assert (status, expected in wrong, f'value="{typed}"' in html) == (422, True, True), wrong
    await server.operate("PUT", f"/v1/stores/{STORE}/presence", {"stale_s": 20})
    status, html = await desk.send(PAGE, stale_s="40", revision="0")
    assert (status, "changed this while you were typing" in html) == (409, True)
    assert (await server.operate("GET", f"/v1/stores/{STORE}/presence"))["rules"]["stale_s"] == 20
