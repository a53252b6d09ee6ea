"""docs/campaigns.md tells the truth: each of its examples is executed, and one that nothing executes fails."""

import asyncio
import json
import os
import re
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from click.testing import CliRunner

from push.campaigns import experiences
from push.campaigns.draws import is_held_out
from push.campaigns.render import LOOPS, render
from push.cli import main
from push.model.campaigns import Campaign, Cap, Schedule, Template, Trigger
from push.model.decisions import Policy, Surroundings
from push.profiles.segments.records import SegmentBody
from tests.support.campaigns import NOW_MS, versioned
from tests.support.clocks import SettableClock
from tests.support.deciding import ANN, decided
from tests.support.servers import Caller, serving, settings
from tests.support.tools import ci_or_skip
from tests.support.triggered import answering, street

DOCS: Final = (Path(__file__).parents[3] / "docs" / "campaigns.md").read_text(encoding="utf-8")
BLOCKS: Final[dict[str, str]] = dict(re.findall(r"<!-- example: ([a-z]+) -->\n```\w+\n(.*?)\n```", DOCS, re.DOTALL))
IN_ADVENT_MS: Final = 1_796_600_000_000
"""The example about Christmas is written some weeks before."""
REGISTRY: Final[dict[str, object]] = {
    "stores": [{"id": "berlin-1", "name": "Berlin"}],
    "zones": [{"store": "berlin-1", "id": "shoes", "name": "Shoes"}],
}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Caller]:
    async with serving(settings(tmp_path / "data"), SettableClock(IN_ADVENT_MS)) as caller:
        await caller.operate("PUT", "/v1/registry", REGISTRY)
        yield caller


def some(name: str, **said: object) -> dict[str, Any]:
    return {"id": name, "name": name, "trigger": {"kind": "asked"}, "template": {"title": "Hello"}, **said}


async def wait_(server: Caller, text: str) -> None:
    """It is put into force without a warning, and stands there as it is written."""
    trigger = json.loads(text)
    assert (await server.operate("PUT", "/v1/campaigns/wait", some("wait", trigger=trigger)))["warnings"] == []
    stored = (await server.operate("GET", "/v1/campaigns/wait"))["campaign"]["trigger"]
    assert trigger.items() <= stored.items()


async def feeds(server: Caller, text: str) -> None:
    """Typed into a shell; what they told holds, and the same event again is the same."""
    ci_or_skip("curl")
    made = await server.operate("POST", "/v1/tokens", {"scope": "sender", "subject": "weather"})
    told = {"FOOTFALL": server.running.http_url, "SENDER": f"Authorization: Bearer {made['token']}"}
    shell = await asyncio.create_subprocess_exec(
        "sh", "-eu", "-c", text.replace("curl -sS", "curl -sS --fail-with-body"), env={**os.environ, **told},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    printed, _ = await shell.communicate()
    assert shell.returncode == 0, printed
    held = (await server.operate("GET", "/v1/feeds"))["items"]
    weather = next(one for one in held if one["feed"] == "weather")
    assert (weather["store"], weather["state"]) == ("berlin-1", {"rain": True, "celsius": 14})
    assert weather["until_ms"] == IN_ADVENT_MS + 7_200_000


async def loop(server: Caller, text: str) -> None:
    del server
    products = [{"name": name, "price": f"{n} €"} for n, name in enumerate(["Runner", "Sock", "Lace", "Bag"], 1)]
    said = render(Template(title="t", body=text), {"products": products}, LOOPS)
    assert said.body == "Runner 1 €, Sock 2 €, Lace 3 €"


async def experience(server: Caller, text: str) -> None:
    """Its groups are those that the console makes."""
    for recipe in experiences.RECIPES:
        body = SegmentBody(name=recipe.name, rule=recipe.rule)
        await server.operate("PUT", f"/v1/segments/{recipe.segment}", msgspec.to_builtins(body))
    assert await server.operate("PUT", "/v1/experiences", json.loads(text)) == json.loads(text)
    told = msgspec.json.decode(text, type=experiences.Experiences)
    made = [(recipe.segment, recipe.shelf.offers, recipe.shelf.layout) for recipe in experiences.RECIPES]
    assert [(group.segment, group.offers, group.layout) for group in told.groups] == made
    assert told.others == experiences.Shelf()


async def life(server: Caller, text: str) -> None:
    """What stands on its arrows is done, and leads to where they point."""
    way = re.findall(r"(\w+) (?:─(\w+)▶|(⇄)|(─▶)) ", text.partition("\n")[0])
    assert [here for here, *_ in way] == ["draft", "review", "reviewed", "live", "paused"]
    one = "/v1/campaigns/life"
    await server.operate("PUT", f"{one}/draft", some("life"))
    stages = ["draft"]
    for _, step, *_ in way[:2]:
        stages.append((await server.operate("POST", f"{one}/review", {"step": step}))["newest"]["stage"])
    stages += [(await server.operate("POST", f"{one}/{turn}"))["state"] for turn in (way[2][1], "pause", "resume")]
    assert stages == ["draft", "review", "reviewed", "live", "paused", "live"]
    await server.operate("PUT", f"{one}/draft", some("life", value=2))
    newer = await server.operate("GET", one)
    assert (newer["state"], newer["live_version"], newer["newest"]["version"]) == ("live", 1, 2)
    await server.operate("POST", f"{one}/review", {"step": "ask"})
    back = await server.operate("POST", f"{one}/review", {"step": "return", "why": "too dear"})
    assert (back["newest"]["stage"], (await server.operate("POST", f"{one}/end"))["state"]) == ("draft", "ended")


async def reach(server: Caller, text: str) -> None:
    """Its words are those of an answer, its numbers add up."""
    await server.phone()
    answer = (await server.operate("POST", "/v1/campaigns/reach", some("reach")))["summary"]
    assert answer == "reachable: 0 of 1, because 1 without the consent that it takes"
    reachable, people, *others = (int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*\d|\d", text))
    assert people == reachable + sum(others)
    assert others == sorted(others, reverse=True)
    assert text.startswith("reachable: ")
    assert "without the consent that it takes, " in text


async def file(server: Caller, text: str) -> None:
    (server.folder.parent / "campaigns").mkdir()
    (server.folder.parent / "campaigns" / "christmas.toml").write_text(text)


async def commands(server: Caller, text: str) -> None:
    """Typed one after the other, about the folder with the file above."""
    ended = []
    for line in text.splitlines():
        program, *words = shlex.split(line, comments=True)
        assert program == "footfall-push"
        typed = [str(server.folder.parent / word) if word == "campaigns/" else word for word in words]
        ran = await asyncio.to_thread(CliRunner().invoke, main, [*typed, "--data-dir", str(server.folder)])
        ended.append((words[1], ran.exit_code))
    assert ended == [("check", 0), ("diff", 3), ("apply", 0)]
    said = await server.operate("GET", "/v1/campaigns/christmas")
    assert (said["state"], said["campaign"]["wordings"][0]["template"]["title"]) == ("live", "Merry Christmas")


ON_A_SERVER: Final[dict[str, Callable[[Caller, str], Awaitable[None]]]] = {
    "wait": wait_, "feeds": feeds, "loop": loop, "experience": experience, "life": life, "reach": reach, "file": file,
    "commands": commands,
}  # fmt: skip
BY_THEMSELVES: Final = {"decision", "triggers"}


def test_every_example_is_executed() -> None:
    assert len(re.findall(r"^```\w+$", DOCS, re.MULTILINE)) == len(BLOCKS), "an example has no name"
    assert set(BLOCKS) == {*ON_A_SERVER, *BY_THEMSELVES}


async def test_what_is_typed_and_sent_does_what_it_says(server: Caller) -> None:
    for name, execute in ON_A_SERVER.items():
        await execute(server, BLOCKS[name])


_LIFTED: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("stopped", "around", {"stopped": frozenset()}),
    ("consent", "person", {"granted": ANN.granted}),
    ("later", "campaign", {"trigger": Trigger(kind="store_entered")}),
    ("schedule", "campaign", {"schedule": Schedule()}),
    ("audience", "campaign", {"audience": None}),
    ("redeemed", "person", {"redeemed": ()}),
    ("cap", "campaign", {"caps": ()}),
    ("quiet", "policy", {"quiet": None}),
    ("later", "campaign", {"when": "now"}),
    ("holdout", "policy", {"holdout": 0.0}),
    ("worthless", "campaign", {}),
)
"""What settles a decision, from the left, and what takes it away."""


def test_what_stands_further_left_settles_a_decision() -> None:
    """Everything speaks against a campaign; what is taken away from the left leaves the next as its reason."""
    row = BLOCKS["decision"].partition("candidates ▶ ")[2].replace("\n", " ").partition("─the best")[0]
    steps = [" ".join(step.split()) for step in row.split("▶")]
    held = next(name for name in map(str, range(99)) if is_held_out("all", 0.5, name))
    campaign = Campaign(
        id="c", name="c", template=Template(title="t"), trigger=Trigger(kind="store_entered", wait_s=60),
        schedule=Schedule(from_ms=NOW_MS + 1), caps=(Cap(of="campaign", most=0, within="ever"),), when="evening",
        audience={"kind": "all", "of": [{"kind": "fact", "fact": "traits.vip", "op": "known"}]}, value=0.0,
    )  # fmt: skip
    person = msgspec.structs.replace(ANN, who=held, granted=frozenset(), is_known=True, redeemed=("c",))
    around, policy = Surroundings(time_zone="UTC", stopped=frozenset({"all"})), Policy(holdout=0.5)
    now: dict[str, Any] = {"campaign": campaign, "person": person, "around": around, "policy": policy}
    found = []
    for _, about, change in _LIFTED:
        said = decided(versioned(now["campaign"]), now["person"], around=now["around"], policy=now["policy"])
        found.append(said.considered[0].verdict)
        now[about] = msgspec.structs.replace(now[about], **change)
    assert found == [verdict for verdict, _, _ in _LIFTED]
    assert steps == [
        "stopped", "consent", "wait", "schedule", "audience", "suppression", "caps", "quiet hours", "receptivity",
        "holdout", "worth",
    ]  # fmt: skip


async def test_what_happens_waits_until_it_is_due_and_is_asked_again_after_its_wait(tmp_path: Path) -> None:
    for word in ("an event ─with", "waiting (rows", "─due─▶ occasion", "asked again: a wait"):
        assert word in BLOCKS["triggers"]
    async with street(f"sqlite://{tmp_path}/test.db") as here:
        here.live(answering("look", "event", event="Looked", wait_s=60))
        await here.did("ann", "Looked")
        kinds = [[row["kind"] for row in await here.db.fetch("triggered.waiting")]]
        assert await here.after(0) == []
        kinds.append([row["kind"] for row in await here.db.fetch("triggered.waiting")])
        assert await here.after(60_000) == [("ann", "look")]
        assert [*kinds, await here.db.fetch("triggered.waiting")] == [["event"], ["later"], []]
