import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from firmware_sim.cli import main

DATA = Path(__file__).parents[2] / "data" / "ble-walks"
ONE, OTHER = DATA / "zigzagging_without_rotation.csv", DATA / "rectangular_without_rotation.csv"
HEAD = "time_s,gateway,beacon,rssi_dbm,x_m,y_m\n"


def walks(*arguments: Path | str, gateways: Path = DATA / "gateways.csv") -> Result:
    return CliRunner().invoke(main, ["walks", "--gateways", str(gateways), *map(str, arguments)])


def last_line(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def test_a_recorded_walk_is_followed_better_than_by_the_strongest_receiver(tmp_path: Path) -> None:
    picture = tmp_path / "walk.png"
    result = walks(ONE, "--train", OTHER, "--plot", picture)
    found = last_line(result)
    assert found.keys() == {
        *("right", "within_6m", "switches_per_minute", "median_error_m", "p90_error_m", "ece", "seconds")
    }
    assert found["seconds"] == 96
    assert found["right"] > 0.5
    assert found["within_6m"] > 0.8
    assert found["switches_per_minute"] < 10
    assert found["median_error_m"] < found["p90_error_m"] < 6
    assert "strongest, 6 dB, 4 s" in result.stdout
    with Image.open(picture) as image:
        assert image.format == "PNG"
        assert min(image.size) > 400


def test_several_walks_are_pooled_and_json_alone_is_one_line() -> None:
    result = walks(ONE, OTHER, "--leave-one-out", "--json")
    assert len(result.stdout.splitlines()) == 1
    assert last_line(result)["seconds"] == 96 + 84


def test_a_walk_of_one_second_with_gaps_and_an_unknown_receiver_is_followed(tmp_path: Path) -> None:
    short = tmp_path / "short.csv"
    short.write_text(HEAD + "100.2,b827eb4521b4,x,-70,7,7\n100.4,nobody,x,-50,7,7\n")
    result = walks(short)
    assert last_line(result)["seconds"] == 1
    assert "1 sightings by unknown gateways are ignored" in result.stderr
    short.write_text(HEAD + "100.2,b827eb4521b4,x,-70,7,7\n190.2,b827eb4521b4,x,-71,7,7\n")
    assert last_line(walks(short, "--json"))["seconds"] == 90


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([ONE, "--train", ONE], "is under test"),
        ([ONE, ONE], "given twice"),
        ([ONE, "--leave-one-out"], "two walks or more"),
        ([ONE, OTHER, "--plot", "x.png"], "draws one WALK"),
        ([DATA / "gateways.csv"], "no column time_s, rssi_dbm"),
        ([DATA / "missing.csv"], "does not exist"),
    ],
)
def test_what_would_be_no_trial_is_refused(arguments: list[Path | str], expected: str) -> None:
    result = walks(*arguments)
    assert result.exit_code == 2
    assert expected in " ".join(result.stderr.split())
