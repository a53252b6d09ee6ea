"""Recorded walks through presence: one carried beacon, twelve receivers, each of them a zone."""

import csv
import math
from pathlib import Path
from typing import NamedTuple

import pytest

from push.model.presence import Anchor, Observation, VisitOpened
from push.presence.thresholds import Presence, PresenceSettings

DATA = Path(__file__).parents[2] / "data" / "ble-walks"
WALKS = sorted(path.stem for path in DATA.glob("*.csv") if path.stem != "gateways")
CLOSE_M = 6.0


class Reading(NamedTuple):
    at_ms: int
    gateway: str
    rssi_dbm: int
    x_m: float
    y_m: float


class Score(NamedTuple):
    seconds: int
    right: float
    close: float
    switches_per_min: float


def receivers() -> dict[str, tuple[float, float]]:
    with (DATA / "gateways.csv").open() as file:
        return {row["gateway"]: (float(row["x_m"]), float(row["y_m"])) for row in csv.DictReader(file)}


def walk(name: str) -> list[Reading]:
    with (DATA / f"{name}.csv").open() as file:
        return [
            Reading(
                round(float(r["time_s"]) * 1000), r["gateway"], int(r["rssi_dbm"]), float(r["x_m"]), float(r["y_m"])
            )
            for r in csv.DictReader(file)
        ]


def second_by_second(readings: list[Reading]) -> list[list[Reading]]:
    seconds: dict[int, list[Reading]] = {}
    for reading in readings:
        seconds.setdefault(reading.at_ms // 1000, []).append(reading)
    return [seconds[s] for s in sorted(seconds)]


def summaries(readings: list[Reading]) -> list[Observation]:
    """What gateways report of one second: the loudest packet that each heard."""
    groups: dict[str, list[Reading]] = {}
    for reading in readings:
        groups.setdefault(reading.gateway, []).append(reading)
    return [
        Observation("ann", name, g[0].at_ms, g[-1].at_ms, max(r.rssi_dbm for r in g), len(g), g[-1].at_ms)
        for name, g in groups.items()
    ]


def score(name: str) -> Score:
    places = receivers()
    there = Presence(PresenceSettings(enter_dbm=-100), {g: Anchor(g, "s", g) for g in places})
    right = close = switches = 0
    seconds = second_by_second(walk(name))
    visits = 0
    for readings in seconds:
        changes = there.step(summaries(readings), readings[-1].at_ms)
        visits += sum(isinstance(r, VisitOpened) for r in changes.records)
        switches += sum(m.kind == "zone_left" for m in changes.moments)
        at = (readings[-1].x_m, readings[-1].y_m)
        zone = there.present("s")[0].zone or ""
        right += zone == min(places, key=lambda g: math.dist(places[g], at))
        close += zone in places and math.dist(places[zone], at) <= CLOSE_M
    assert visits == 1, "one walk is one visit"
    minutes = (seconds[-1][-1].at_ms - seconds[0][0].at_ms) / 60_000
    return Score(len(seconds), right / len(seconds), close / len(seconds), switches / minutes)


@pytest.mark.parametrize("name", WALKS)
def test_a_recorded_walk_is_one_visit_in_about_the_right_zones(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = score(name)
    with capsys.disabled():
        print(  # noqa: T201 - a report
            f"\nwalk {name}: {found.seconds} s, right of 12 {found.right:.0%}, within 6 m {found.close:.0%}, "
            f"{found.switches_per_min:.1f} switches a minute"
        )
    assert found.right >= 2 / 12, "twice what guessing gives"
    assert found.close >= 0.5
    assert found.switches_per_min <= 15
