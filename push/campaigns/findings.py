"""What is found in a campaign before it speaks: where, and what to do about it."""

from collections.abc import Callable, Iterator

import msgspec

from push.campaigns.known import Known
from push.model.campaigns import Campaign


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a campaign (``template.title``, ``slots.reward.ten.text``), and what is wrong or odd there."""

    field: str
    text: str


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """Faults, with which a campaign is not launched, and warnings, which somebody should have read."""

    faults: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


Look = Callable[[Campaign, Known, int], Iterator[Finding]]
"""Looks at one side of a campaign, at a time in UTC ms."""


def found(field: str, text: str) -> Finding:
    """A finding."""
    return Finding(field=field, text=text)
