"""Which batches of one gateway's boot were applied, as few ranges. Pure."""

from typing import Final

import msgspec

MAX_RANGES: Final = 1000
"""More gaps than this mean a gateway that lies: a spool sends its backlog in order."""


class Mark(msgspec.Struct, frozen=True):
    """`done` are inclusive ranges of applied sequences, ascending and apart; everything up to `floor` is settled.

    `lost` counts sequences that the gateway gave up (they fell below its oldest without having arrived).
    """

    floor: int = 0
    done: tuple[tuple[int, int], ...] = ()
    lost: int = 0

    def has(self, sequence: int) -> bool:
        """Whether nothing is left to do for a sequence."""
        return sequence <= self.floor or any(lo <= sequence <= hi for lo, hi in self.done)

    def ranges(self) -> tuple[tuple[int, int], ...]:
        """Everything settled, for an acknowledgement."""
        return ((1, self.floor), *self.done) if self.floor else self.done


def applied(mark: Mark, sequence: int) -> Mark:
    """The mark once `sequence` is applied too. Raises ValueError with more than `MAX_RANGES` gaps."""
    if mark.has(sequence):
        return mark
    if not mark.done and sequence == mark.floor + 1:  # as nearly always: batches come in order
        return Mark(sequence, (), mark.lost)
    lo = hi = sequence
    apart: list[tuple[int, int]] = []
    for first, last in mark.done:
        if last + 1 < lo or hi + 1 < first:
            apart.append((first, last))
        else:
            lo, hi = min(lo, first), max(hi, last)
    if len(apart) >= MAX_RANGES:
        raise ValueError(f"more than {MAX_RANGES} gaps in the sequences of one boot")
    return _settled(msgspec.structs.replace(mark, done=tuple(sorted([*apart, (lo, hi)]))))


def raised(mark: Mark, oldest: int) -> Mark:
    """The mark once the gateway holds nothing below `oldest`: what never arrived is counted as lost."""
    if oldest - 1 <= mark.floor:
        return mark
    below = [(lo, min(hi, oldest - 1)) for lo, hi in mark.done if lo < oldest]
    arrived = sum(hi - lo + 1 for lo, hi in below)
    above = tuple((max(lo, oldest), hi) for lo, hi in mark.done if hi >= oldest)
    lost = mark.lost + (oldest - 1 - mark.floor) - arrived
    return _settled(Mark(floor=oldest - 1, done=above, lost=lost))


def _settled(mark: Mark) -> Mark:
    """Let the floor rise through a range that begins right above it."""
    if mark.done and mark.done[0][0] == mark.floor + 1:
        return msgspec.structs.replace(mark, floor=mark.done[0][1], done=mark.done[1:])
    return mark
