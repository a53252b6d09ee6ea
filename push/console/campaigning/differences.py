"""What a newer draft says otherwise than the version that runs, field by field, for whoever reviews it. Pure."""

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Final

from push.console.campaigning import sheet
from push.console.campaigning.labels import LABELS
from push.model.campaigns import Campaign

GROUPS: Final[Mapping[str, str]] = {
    "where": "Only where",
    "wordings": "Other words",
    "options": "Slots",
    "caps": "Caps",
    "budgets": "Budgets",
    "steps": "What follows",
}


def differences(before: Campaign, after: Campaign, zone: tzinfo) -> list[tuple[str, str, str]]:
    """Label, what runs, and what would, of each field that is another now."""
    was, now = sheet.of(before, zone), sheet.of(after, zone)
    found = [(label, _plain(was.text(name)), _plain(now.text(name))) for name, label in LABELS.items()]
    found += [(label, _told(was.rows[group]), _told(now.rows[group])) for group, label in GROUPS.items()]
    return [(label, old, new) for label, old, new in found if old != new]


def _plain(text: str) -> str:
    return ", ".join(text.split("\n"))


def _told(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows as text, their empty cells left out."""
    return "; ".join(" · ".join(filter(None, row.values())) for row in rows)
