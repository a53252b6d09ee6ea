import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from firmware_sim.cli import main
from firmware_sim.floor import hamburg
from firmware_sim.roster import people


@pytest.mark.parametrize(("over_ms", "start_ms"), [(1, 0), (1_800_000, 1_760_000_000_000)])
def test_whoever_comes_at_whatever_time_carries_what_the_roster_says(
    tmp_path: Path, over_ms: int, start_ms: int
) -> None:
    ran = CliRunner().invoke(main, ["roster", "--shoppers", "6", "--seed", "7", str(tmp_path)])
    assert (ran.exit_code, ran.output) == (0, f"20 beacons and 6 people in {tmp_path}\n")
    with (tmp_path / "beacons.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    told = {row["id"]: (row["identity_key"], row["shopper"]) for row in rows if row["role"] == "tag"}
    coming = people(hamburg(seed=7), 6, over_ms, 7, start_ms)
    assert told == {one.tag.id: (one.key.hex(), one.walker.id) for one in coming}
    agreed = json.loads((tmp_path / "people.json").read_text())["shoppers"]
    assert [one["id"] for one in agreed] == [one.walker.id for one in coming]
    assert {row["zone"] for row in rows if row["role"] == "fixture"} == {zone.id for zone in hamburg().zones}
