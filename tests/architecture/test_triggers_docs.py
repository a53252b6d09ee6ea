"""What campaigns answer is in the documentation's table, all of it and nothing else."""

import re
from pathlib import Path
from typing import Final, get_args

from push.model.campaigns import OtherKind
from push.model.presence import MomentKind

DOCS: Final = Path(__file__).parents[2] / "docs" / "campaigns.md"


def test_every_trigger_is_in_its_table() -> None:
    table = DOCS.read_text().partition("<!-- table: triggers -->\n")[2].partition("\n\n")[0]
    told = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert told == {*get_args(MomentKind), *get_args(OtherKind)} - {"asked"}
