"""Draws that anybody can repeat: the same names give the same number, so that an answer can be told again later."""

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple

from push.model.campaigns import Option, Slot

_BITS: Final = 53
"""As many as a float holds exactly."""
_SPARE: Final = 64 - _BITS
_WHOLE: Final = 1 << _BITS


class Drawn:
    """Draws whose first names are the same: what they come to is worked out once."""

    def __init__(self, *names: str) -> None:
        begun = "".join(f"{name}\x1f" for name in names)
        self._begun = hashlib.blake2b(begun.encode(), digest_size=8, person=b"footfall/draw")

    def __call__(self, name: str) -> float:
        """As `draw` of the first names and this one."""
        hashed = self._begun.copy()
        hashed.update(name.encode())
        return (int.from_bytes(hashed.digest(), "little") >> _SPARE) / _WHOLE


def draw(*names: str) -> float:
    """A number from 0 to 1 (outside), even over all names, the same for the same names."""
    return Drawn(*names[:-1])(names[-1])


def holdout(scope: str) -> Drawn:
    """Who is among those who get nothing of a campaign, or of "all": whose number is below its share."""
    return Drawn("holdout", scope)


class Variant(NamedTuple):
    """Which option fills each slot, and how likely that was before it was drawn."""

    options: dict[str, str]
    propensity: float


def variant(campaign: str, slots: Sequence[Slot], who: str) -> Variant:
    """One option for each slot, by weight; slots independently of each other, and the same for the same person."""
    options: dict[str, str] = {}
    propensity = 1.0
    for slot in slots:
        chosen, share = _option(slot.options, draw("slot", campaign, slot.name, who))
        options[slot.name] = chosen.id
        propensity *= share
    return Variant(options, propensity)


def _option(options: Sequence[Option], at: float) -> tuple[Option, float]:
    total = sum(option.weight for option in options)
    below = 0.0
    for option in options:
        below += option.weight
        if at * total < below:
            return option, option.weight / total
    return options[-1], options[-1].weight / total


def is_held_out(scope: str, share: float, who: str) -> bool:
    """Whether somebody is among the share of people who get nothing of it: a campaign, or "all"."""
    return share > 0 and holdout(scope)(who) < share
