"""What somebody who runs the demo on a terminal sees."""

import io
import time
from collections.abc import AsyncIterator

import aiohttp
import numpy as np
import pytest
from rich.console import Console, RenderableType

from firmware_sim.cast import Noticed, Owner
from firmware_sim.floor import hamburg
from firmware_sim.operator import Operator
from firmware_sim.report import Latencies, Percentiles, Report
from firmware_sim.scene import Scene
from firmware_sim.show import COLUMNS_PER_M, FEED, FLASH_MS, Figures, picture, summary
from firmware_sim.walkers import Habits, arrivals, crowd
from firmware_sim.world import Carrier, World

START_MS = 1_760_000_000_000
FLOOR = hamburg()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """Three walkers, whose phones have shown nothing yet."""
    walkers = crowd(FLOOR, arrivals(3, START_MS, 10_000, np.random.default_rng(1)), 1, Habits(dwell_s=20))
    world = World(FLOOR, [Carrier(walker=walker) for walker in walkers], start_ms=START_MS, seed=1)
    owners = {name: Owner(f"phone-{n}", f"shp-{n}", "stream") for n, name in enumerate(world.visits)}
    async with aiohttp.ClientSession() as http:
        yield Scene(FLOOR, world, "http://127.0.0.1:8080", Operator(http, "", ""), [], owners, None)


def seen(what: RenderableType) -> list[str]:
    """The lines on a terminal of 160 by 40."""
    console = Console(record=True, width=160, height=40, file=io.StringIO())
    console.print(what)
    return console.export_text().splitlines()


def on_the_floor(sign: str, lines: list[str]) -> list[tuple[int, int]]:
    """Where a sign stands, as (line, column), but for the one that explains it."""
    plan = [line for line in lines if " was just shown a push" not in line]
    return [(row, column) for row, line in enumerate(plan) for column, letter in enumerate(line) if letter == sign]


def shown(scene: Scene, walker: str, at_ms: int, title: str = "Welcome") -> Noticed:
    return Noticed(scene.owners[walker].phone, "shown", "dlv", title, "stream", at_ms)


def test_the_store_is_named_and_drawn_with_its_zones_and_gateways(scene: Scene) -> None:
    lines = seen(picture(scene, Figures(), START_MS - 1))
    assert FLOOR.store.name in lines[0]
    assert "http://127.0.0.1:8080/app/" in lines[0]
    assert all(any(zone.name in line for line in lines) for zone in FLOOR.zones)
    assert len(on_the_floor("◆", lines)) == len(FLOOR.gateways)
    assert on_the_floor("●", lines) == []
    assert any("Nobody has been shown anything yet." in line for line in lines)


def test_who_is_in_the_store_stands_where_she_is(scene: Scene) -> None:
    gateway = FLOOR.gateways[0]
    (row, column), *_ = sorted(on_the_floor("◆", seen(picture(scene, Figures(), START_MS - 1))), reverse=True)
    walker = min(scene.world.visits.values(), key=lambda visit: visit.entered_ms)
    alone = scene._replace(owners={walker.walker: scene.owners[walker.walker]})
    for at_ms in range(walker.entered_ms + 500, walker.left_ms - 500, 4_000):
        pose = scene.world.where(walker.walker, at_ms)
        assert pose is not None
        ((at_row, at_column),) = on_the_floor("●", seen(picture(alone, Figures(), at_ms)))
        assert at_column - column == pytest.approx((pose.x_m - gateway.x_m) * COLUMNS_PER_M, abs=1)
        assert row - at_row == pytest.approx(pose.y_m - gateway.y_m, abs=1)  # the door is at the bottom
    assert on_the_floor("●", seen(picture(alone, Figures(), walker.left_ms + 1))) == []


def test_who_was_just_shown_a_push_lights_up_for_some_seconds(scene: Scene) -> None:
    visit = min(scene.world.visits.values(), key=lambda visit: visit.entered_ms)
    at_ms = visit.entered_ms + 300
    scene.noticed.append(shown(scene, visit.walker, at_ms))
    for now_ms, lit in ((at_ms, 1), (at_ms + FLASH_MS - 1, 1), (at_ms + FLASH_MS, 0)):
        assert len(on_the_floor("◉", seen(picture(scene, Figures(), now_ms)))) == lit


def test_what_happened_last_stands_on_top_and_the_oldest_gives_way(scene: Scene) -> None:
    walker = next(iter(scene.owners))
    scene.noticed.extend(shown(scene, walker, START_MS + n, f"Offer {n:02}") for n in range(FEED + 3))
    lines = "\n".join(seen(picture(scene, Figures(), START_MS)))
    places = [lines.find(f"shown Offer {n:02}") for n in reversed(range(FEED + 3))]
    assert places[:FEED] == sorted(places[:FEED])
    assert places[0] > 0
    assert places[FEED:] == [-1, -1, -1]


def test_figures_are_those_of_the_server(scene: Scene) -> None:
    figures = Figures()
    assert "-" in seen(picture(scene, figures, START_MS))[-4]
    figures.statistics = {"sightings": 4711, "lost_batches": 2}
    figures.deliveries = [
        {"heard_ms": 1000, "accepted_ms": 1120, "shown_ms": 1200},
        {"heard_ms": 1000, "accepted_ms": 1240, "shown_ms": None},
        {"heard_ms": 1000, "accepted_ms": None, "shown_ms": None},
    ]
    values, meanings = seen(picture(scene, figures, START_MS))[-4:-2]
    assert values.replace("0.18 s", "0.18s").strip("│ ").split() == ["4711", "2", "1", "0.18s", "2"]
    assert "pushes sent" in meanings


def test_a_demo_with_an_end_counts_down(scene: Scene) -> None:
    assert " s left" not in seen(picture(scene, Figures(), START_MS))[0]
    ending = scene._replace(ends_s=time.monotonic() + 90)
    assert any(f"{left} s left" in seen(picture(ending, Figures(), START_MS))[0] for left in (89, 90))
    assert "0 s left" in seen(picture(scene._replace(ends_s=0.0), Figures(), START_MS))[0]


def test_the_summary_says_what_came_of_it() -> None:
    latency = Percentiles(3, 120.5, 180.0, 190.25)
    report = Report(
        seconds=30.2,
        seed=1,
        shoppers=24,
        sightings=4711,
        batches=812,
        visits=23,
        moments={"store_entered": 23},
        decisions=21,
        pushes_sent=20,
        pushes_shown=19,
        pushes_opened=7,
        deliveries={"shown": 12, "opened": 7},
        latency_ms=Latencies(latency, latency, Percentiles(0)),
        lost_batches=0,
        duplicate_batches_applied=0,
    )
    text = "\n".join(seen(summary(report)))
    assert "30.2 s in a simulated store" in text
    for figures in ("4711 in 812 batches", "20 · 19 · 7", "p50 120.5 ms  p99 190.25 ms", "0 · 0"):
        assert figures in text
    assert "None" not in text
