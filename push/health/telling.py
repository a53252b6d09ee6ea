"""Findings in words: what tells so, in one sentence, and the next step, in another."""

from collections.abc import Callable, Mapping
from typing import Final

from push.health import telling_beacons as beacons
from push.health import telling_gateways as gateways
from push.health.facts import Facts
from push.health.judge import Words
from push.health.verdicts import Lasting
from push.model.health import Kind

_TELL: Final[Mapping[Kind, Callable[[Facts, Lasting], Words]]] = {
    "silent": beacons.silent,
    "never_heard": beacons.never_heard,
    "battery_low": beacons.battery_low,
    "moved": beacons.moved,
    "cloned": beacons.cloned,
    "drifting": beacons.drifting,
    "offline": gateways.offline,
    "never_connected": gateways.never_connected,
    "deaf": gateways.deaf,
    "slow": gateways.slow,
    "skewed": gateways.skewed,
    "spool_growing": gateways.spool_growing,
    "version_behind": gateways.version_behind,
    "store_offline": gateways.store_offline,
    "all_offline": gateways.all_offline,
}


def words(facts: Facts, one: Lasting) -> Words:
    """A finding in words."""
    return _TELL[one.kind](facts, one)
