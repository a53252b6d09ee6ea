"""How surely somebody stands at a place: an estimate from how strongly, how clearly and how lately it hears her. Pure.

    chance = heard strongly enough * more strongly than anywhere else * lately enough * truly

Strength is normal around what a tag gives at three metres, so only somebody right at an anchor comes near certainty;
the lead over the next best place is normal, too. Both spread as a standing person's RSSI does. What was said a while
ago counts for half after every `HALF_LIFE_MS`: somebody who is silent has probably walked on.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from push.model.presence import Near, Stranger

AT_DBM: Final = -73.0
"""A tag that gives -59 dBm at one metre gives this at three, indoors (path loss exponent 3): in or out, as likely."""
SPREAD_DB: Final = 6.0
"""Of a standing person's RSSI: her body turns, people walk by."""
FRESH_MS: Final = 6_000
"""Gateways repeat what does not change every 5 s: until then, silence says nothing."""
HALF_LIFE_MS: Final = 4_000
CLAIMED: Final = 0.9
"""A phone that heard what always says the same, or says so from afar: likely, and never sure."""


class Heard(NamedTuple):
    """What one anchor last said of somebody: where it stands, dBm, and when; or what she only claims."""

    zone: str | None
    rssi_dbm: float
    last_ms: int
    claimed: bool = False


def near(everybody: Iterable[tuple[str | None, Sequence[Heard]]], zone: str, now_ms: int, forget_ms: int) -> list[Near]:
    """Who of `everybody`, each with what was heard of them, may be in a zone, and how surely."""
    found = [Near(shopper, chance(heard, zone, now_ms, forget_ms)) for shopper, heard in everybody]
    return [one for one in found if one.probability > 0]


def chance(heard: Sequence[Heard], zone: str, now_ms: int, forget_ms: int) -> float:
    """The probability, 0 to 1, that who was heard like this is in `zone`; it never grows by time alone.

    Anchors elsewhere, or in no zone, speak against it, unless they had been silent for `forget_ms` when `zone` heard.
    """
    elsewhere = [h for h in heard if h.zone != zone]
    return max((_at(h, elsewhere, now_ms, forget_ms) for h in heard if h.zone == zone), default=0.0)


def _at(here: Heard, elsewhere: Iterable[Heard], now_ms: int, forget_ms: int) -> float:
    rivals = [h.rssi_dbm for h in elsewhere if h.last_ms >= here.last_ms - forget_ms]
    lead_db = here.rssi_dbm - max(rivals) if rivals else math.inf
    strong = _normal((here.rssi_dbm - AT_DBM) / SPREAD_DB)
    clear = _normal(lead_db / (SPREAD_DB * math.sqrt(2)))  # the difference of two that spread alike
    return strong * clear * _fresh(now_ms - here.last_ms) * (CLAIMED if here.claimed else 1.0)


def _fresh(age_ms: int) -> float:
    return 1.0 if age_ms <= FRESH_MS else float(0.5 ** ((age_ms - FRESH_MS) / HALF_LIFE_MS))


def _normal(z: float) -> float:
    """The standard normal distribution function."""
    return 0.5 * (1.0 + math.erf(z / math.sqrt(2.0)))


class Strangers:
    """The strongest that each anchor heard lately of people who are not located: a strength and a time, never an id."""

    def __init__(self) -> None:
        self._heard: dict[str, Stranger] = {}

    def note(self, heard: Iterable[Stranger]) -> None:
        """Take what anchors heard. Of several the strongest counts, until it has not been heard for a while."""
        for one in heard:
            held = self._heard.get(one.anchor)
            if held is None or one.rssi_dbm >= held.rssi_dbm or one.last_ms > held.last_ms + FRESH_MS:
                self._heard[one.anchor] = one

    def all(self) -> list[Stranger]:
        """What is held, one of each anchor that ever heard somebody."""
        return list(self._heard.values())
