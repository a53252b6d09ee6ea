"""Live campaigns, found by what just happened and where, not by a scan."""

from collections.abc import Iterable
from typing import NamedTuple

from push.model.campaigns import Campaign
from push.model.presence import Moment

_ANY = ""


class Versioned(NamedTuple):
    """A campaign as it stood at one version."""

    campaign: Campaign
    version: int


class Book:
    """Campaigns by (moment kind, store, zone, mark); immutable once built."""

    def __init__(self, campaigns: Iterable[Versioned]) -> None:
        self._index: dict[tuple[str, str, str, int], list[Versioned]] = {}
        for entry in campaigns:
            trigger = entry.campaign.trigger
            for store in set(trigger.stores) or {_ANY}:
                for zone in set(trigger.zones) or {_ANY}:
                    self._index.setdefault((trigger.kind, store, zone, trigger.mark_s), []).append(entry)

    def candidates(self, moment: Moment) -> list[Versioned]:
        """The campaigns that answer a moment, in order of their ids."""
        zones = {_ANY, moment.zone or _ANY}
        keys = [(moment.kind, store, zone, moment.mark_s) for store in (moment.store, _ANY) for zone in zones]
        found = [entry for key in keys for entry in self._index.get(key, ())]
        return sorted(found, key=lambda entry: entry.campaign.id)
