"""docs/derived.md has every figure in its table, and no other; and states the bounds that the code has."""

import re
from pathlib import Path

from push.profiles.derived import features
from push.profiles.derived.figures import Figures

DOCS = (Path(__file__).parents[2] / "docs" / "derived.md").read_text(encoding="utf-8")


def test_every_figure_has_its_formula() -> None:
    table = DOCS.partition("| figure |")[2].partition("\n\n")[0].splitlines()[2:]
    named = [name for row in table for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert named == list(Figures.__struct_fields__)


def test_bounds_are_stated() -> None:
    for bound, what in (
        (features.MOST_ORDERS, "orders one by one"),
        (features.MOST_REFUNDS, "refunds"),
        (features.MOST_POINTS, "pairs of category"),
        (features.MOST_HELD, "products each"),
        (features.MOST_EVENTS, "names of events"),
    ):
        assert f"{bound} {what}" in DOCS
