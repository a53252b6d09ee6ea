"""Campaigns at the console, without a browser: from a recipe to a decision that is explained, and the stop."""

import asyncio
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from push.profiles.settings import ProfileSettings
from tests.support.desk import Desk
from tests.support.patience import PATIENCE_S
from tests.support.people import first_admin, hired
from tests.support.servers import STORE, Caller, serving, settings

CAMPAIGNS = "/console/campaigns"
AGREED: dict[str, Any] = {"consent": {"categoryPreferences": {"all": True}}}
PROFILES = ProfileSettings(
    minimum_age=0, consent_categories={"all": ("adult", "location", "profiling", "marketing", "inapp")}
)


class Filled(HTMLParser):
    """What a browser would send of the forms of a page, nothing changed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}
        self._select = self._text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        if tag == "select":
            self._select = name
            self.fields.setdefault(name, [])
        elif tag == "option" and self._select and "selected" in given:
            self.fields[self._select].append(given["value"])
        elif tag == "textarea":
            self._text = name
            self.fields[name] = [""]
        elif tag == "input" and name and (given.get("type") != "checkbox" or "checked" in given):
            self.fields.setdefault(name, []).append(given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in {"select", "textarea"}:
            self._select = self._text = ""

    def handle_data(self, data: str) -> None:
        if self._text:
            self.fields[self._text] = [self.fields[self._text][0] + data]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Caller]:
    async with serving(settings(tmp_path / "data", profiles=PROFILES)) as caller:
        await caller.operate("PUT", f"/v1/stores/{STORE}", {"id": STORE, "name": "Hamburg"})
        await caller.operate("PUT", f"/v1/stores/{STORE}/zones/z1", {"store": STORE, "id": "z1", "name": "Till"})
        yield caller


async def typed(desk: Desk, path: str, **changed: str) -> tuple[int, str]:
    """Send the form of a page with some fields changed."""
    fields = {name: values[-1] for name, values in Filled(await desk.look(path)).fields.items() if values}
    return await desk.send(path, **{**fields, **changed})


async def first_decision(desk: Desk) -> str:
    """The page of the decision that is made."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = re.findall(r"/console/decisions/dec\w+", await desk.look("/console/decisions?campaign=&store="))
            if found:
                return str(found[0])
            await asyncio.sleep(0.05)


async def test_a_recipe_becomes_a_campaign_that_speaks_and_its_decision_is_explained(server: Caller) -> None:
    desk = Desk(server, await first_admin(server))
    assert "Says hello within two seconds" in await desk.look(f"{CAMPAIGNS}/new")
    status, page = await typed(desk, f"{CAMPAIGNS}/new/welcome", title="", do="save")
    assert status == 422
    assert 'id="w-title"' in page, "what is missing is said at its field"
    status, page = await typed(desk, f"{CAMPAIGNS}/new/welcome", title="Hi {{ shopper.first_name }", do="look")
    assert status == 200
    assert "Before it can be launched" in page
    status, page = await typed(desk, f"{CAMPAIGNS}/new/welcome", title="Ahoy", do="look")
    assert '<p class="strong">Ahoy</p>' in page
    assert (await typed(desk, f"{CAMPAIGNS}/new/welcome", title="Ahoy", do="save"))[0] == 303
    for do in ("ask", "approve", "launch"):
        assert (await desk.send(f"{CAMPAIGNS}/welcome", do=do))[0] == 303, do
    assert "One campaign is live" in await desk.look(CAMPAIGNS)
    status, page = await desk.send(f"{CAMPAIGNS}/welcome", do="launch")
    assert (status, "launched already" in page) == (409, True)

    made = await server.operate("POST", "/v1/tokens", {"scope": "collector", "subject": "till", "name": "Till"})
    her = {"userId": "K-1", "context": AGREED}
    batch = [
        {**her, "type": "identify", "messageId": "m1", "traits": {"first_name": "Anna"}},
        {**her, "type": "track", "messageId": "m2", "event": "Signed Up"},
    ]
    headers = {"Authorization": f"Bearer {made['token']}"}
    async with server.http.post(f"{server.running.http_url}/v1/batch", json={"batch": batch}, headers=headers) as told:
        assert told.status == 200, await told.text()

    path = await first_decision(desk)
    page = await desk.look(path)
    assert "Why did she get nothing?" in page
    assert "“Signed Up”" in page
    assert "no channel reaches her" in page
    assert "the same decision, bit for bit" in (await desk.send(path, do="replay"))[1]
    page = (await desk.send("/console/decisions/try", kind="user_id", value="K-1", moment="event", event="Signed Up"))[
        1
    ]
    assert "She would get nothing" in page
    status, page = await desk.send(f"{CAMPAIGNS}/welcome", do="try", kind="user_id", value="K-1")
    assert (status, "No app, browser or mailbox" in page) == (422, True)
    assert "Why it is silent: not reachable (1)" in await desk.look(f"{CAMPAIGNS}/welcome")
    assert path not in await desk.look("/console/decisions?campaign=welcome"), "it was not chosen"
    assert path in await desk.look("/console/decisions?campaign=welcome&lost=yes")


async def test_a_newer_draft_runs_beside_and_the_stop_says_who_pressed_it(server: Caller) -> None:
    desk = Desk(server, await first_admin(server))
    given = {"id": "till", "name": "Till", "trigger": {"kind": "zone_entered"}, "template": {"title": "Hi"}}
    await server.operate("PUT", "/v1/campaigns/till", given)
    edit = f"{CAMPAIGNS}/till/edit"
    assert (await typed(desk, edit, title="Hello", cap_most="1", do="save"))[0] == 303
    page = await desk.look(CAMPAIGNS)
    assert "a newer draft" in page
    assert "Nothing asked for it today." in page, "how it is stands beside it"
    page = await desk.look(f"{CAMPAIGNS}/till")
    assert "<del>Hi</del></td><td><ins>Hello</ins>" in page, "whoever reviews it sees what is new"
    fields = {name: values[-1] for name, values in Filled(await desk.look(edit)).fields.items() if values}
    assert fields["cap_most"] == "", "there is always an empty row"
    assert (await typed(desk, edit, body="Somebody else", do="save"))[0] == 303
    status, page = await desk.send(edit, **{**fields, "title": "Late", "do": "save", "revision": "2"})
    assert (status, "changed it meanwhile" in page) == (409, True)
    planner = await desk.look("/console/planner")
    assert "One campaign runs" in planner
    assert "Whom each reaches now" in planner

    bo = Desk(server, await hired(server, "bo", "editor", [STORE]))
    assert "No campaign is live" not in await bo.look(CAMPAIGNS)
    assert (await bo.send(f"{CAMPAIGNS}/till", do="pause"))[0] == 403, "it speaks in others' stores as well"
    status, page = await typed(bo, f"{CAMPAIGNS}/new/store", do="save")
    assert (status, "Stores of yours" in page) == (422, True)
    assert (await typed(bo, f"{CAMPAIGNS}/new/store", do="save", stores=STORE))[0] == 303
    assert '<option value="all"' not in await bo.look("/console/stop")

    assert (await desk.send("/console/stop", scope="campaign:till", why=""))[0] == 422
    assert (await desk.send("/console/stop", scope="campaign:till", why="Wrong price"))[0] == 303
    page = await desk.look("/console/stop")
    assert "Till is silent" in page
    assert "pressed it" in page
    [stop] = re.findall(r'name="stop" value="(\w+)"', page)
    assert "Silenced: Wrong price" in await desk.look(f"{CAMPAIGNS}/till")
    assert (await desk.send("/console/stop", do="end", stop=stop))[0] == 303
    assert "Nothing is silenced" in await desk.look("/console/stop")
