"""A small chain's day through the real decisions: nobody is told too much, at night, or without consent."""

import json
from pathlib import Path

from click.testing import CliRunner
from PIL import Image

from firmware_sim.weeks.command import WITH, WITHOUT, week
from firmware_sim.weeks.tally import BAR, Week, histogram

SMALL = ["--people", "120", "--stores", "3", "--campaigns", "16", "--days", "1", "--seed", "3"]


def test_a_day_keeps_what_is_promised_and_every_decision_can_be_made_again(tmp_path: Path) -> None:
    picture = tmp_path / "week.png"
    told = CliRunner().invoke(week, [*SMALL, "--without-patience", "--json", "--plot", str(picture)])
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    ours, others = found[WITH], found[WITHOUT]
    assert ours["visits"] == others["visits"] > 5
    assert 0 < ours["pushes"] < others["pushes"]
    assert ours["most_in_a_visit"] == 1 < others["most_in_a_visit"]
    assert ours["most_pushes"] <= 3
    assert others["capped"] == 0 < ours["capped"]
    for one in (ours, others):
        assert one["in_quiet_hours"] == one["without_consent"] == 0
        assert one["decisions"] == one["replayed"] == one["replayed_equal"] > 50
        assert sum(one["per_person"]) == one["reachable"]
    with Image.open(picture) as drawn:
        assert drawn.format == "PNG"


def test_a_week_is_told_as_a_table_with_bars() -> None:
    told = CliRunner().invoke(week, ["--people", "12", "--stores", "1", "--campaigns", "8", "--days", "1"])
    assert told.exit_code == 0, told.output
    assert "pushes in quiet hours" in told.stdout
    assert WITHOUT not in told.stdout
    assert "Pushes per person" in told.stdout


def test_the_longest_bar_is_of_most_people() -> None:
    counts = dict.fromkeys(Week.__struct_fields__, 0) | {"per_person": (8, 4, *[0] * 9), "verdicts": {}}
    lines = histogram(Week(**counts))  # type: ignore[arg-type]
    assert lines[0].count("█") == BAR == 2 * lines[1].count("█")
    assert lines[-1].startswith(" 10+")
