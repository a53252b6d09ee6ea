"""docs/segments.md has every fact, operator and kind of part that rules know, and no other."""

import re
from pathlib import Path

from push.model.rules.parse import EXPECTED, KINDS, MOST_DEPTH, MOST_NODES
from push.profiles.happened import MOST_EVENTS
from push.profiles.view import FACTS

DOCS = (Path(__file__).parents[2] / "docs" / "segments.md").read_text(encoding="utf-8")


def rows(head: str) -> list[list[str]]:
    table = DOCS.partition(head)[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table]


def test_every_fact_is_in_its_table() -> None:
    told = [(name.strip("`"), kind, fades == "yes", meaning) for name, kind, fades, meaning in rows("| fact |")]
    assert told == [(name, known.type, known.fades, known.meaning) for name, known in FACTS.items()]


def test_every_operator_and_kind_is_told() -> None:
    operators = [name for row in rows("| op |") for name in re.findall(r"`(\w+)`", row[0])]
    kinds = [name for row in rows("| kind |") for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(operators) == sorted(EXPECTED)
    assert sorted(kinds) == sorted(KINDS)


def test_bounds_are_stated() -> None:
    assert f"At most {MOST_DEPTH} levels and {MOST_NODES} parts" in DOCS
    assert f"the latest {MOST_EVENTS:,} events" in DOCS
    assert f"the latest {MOST_EVENTS:,} events" in FACTS["events.*"].meaning
