"""When a rule is to be asked again though nothing happened: time passes, and "within 30 days" is over."""

from itertools import groupby

from push.model.rules.check import fit_of, hours_ms, stays_of, test_of, times_ms
from push.model.rules.tree import All, AnyOf, Did, Fact, Facts, Leaf, Not, Place, Rule, leaves, read_by
from push.model.rules.values import DAY_MS, TIMELESS, turns_ms

Turn = tuple[bool, int | None]
"""What holds now, and until when at least; None: for good."""


def is_timed(rule: Rule) -> bool:
    """Whether time alone may change what a rule says."""
    return any(_is_timed(leaf) for leaf in leaves(rule))


def _is_timed(leaf: Leaf) -> bool:
    match leaf:
        case Fact():
            return leaf.op not in TIMELESS
        case Did():
            return True  # what is dated ahead of our clock begins to count as well
        case Place():
            return True
        case _:
            return False


def until_ms(rule: Rule, facts: Facts, now_ms: int) -> int | None:
    """Until when a rule certainly says what it says now, while the facts stay as they are; None: for good."""
    return turn(rule, facts, now_ms)[1]


def turn(rule: Rule, facts: Facts, now_ms: int) -> Turn:
    """What a rule says now, and until when."""
    match rule:
        case All():
            return _joined([turn(part, facts, now_ms) for part in rule.of], deciding=False)
        case AnyOf():
            return _joined([turn(part, facts, now_ms) for part in rule.of], deciding=True)
        case Not():
            holds, until = turn(rule.of, facts, now_ms)
            return not holds, until
        case _:
            seen = facts.get(read_by(rule))
            return test_of(rule)(seen, now_ms), _leaf_ms(rule, seen, now_ms)


def _joined(parts: list[Turn], *, deciding: bool) -> Turn:
    """While one part decides, the others may change: the one that decides longest says how long that is."""
    deciders = [until for holds, until in parts if holds is deciding]
    if deciders:
        known = [until for until in deciders if until is not None]
        return deciding, max(known) if len(known) == len(deciders) else None
    return not deciding, min((until for _, until in parts if until is not None), default=None)


def _leaf_ms(leaf: Leaf, seen: object, now_ms: int) -> int | None:
    match leaf:
        case Fact():
            return turns_ms(leaf.op, leaf.value, seen, now_ms)
        case Did():
            return _did_ms(leaf, seen, now_ms)
        case Place():
            return _place_ms(leaf, seen, now_ms)
        case _:
            return None


def _did_ms(leaf: Did, seen: object, now_ms: int) -> int | None:
    """When as many as are wanted are no longer there, or are there at last."""
    found = times_ms(seen, fit_of(leaf))
    steps = [(at, 1) for at in found]
    if leaf.within_days is not None:
        span = round(leaf.within_days * DAY_MS)
        steps += [(at + span, -1) for at in found]
    return _crossing_ms(steps, leaf.least, now_ms)


def _crossing_ms(steps: list[tuple[int, int]], least: int, now_ms: int) -> int | None:
    """The first time after now at which the sum of what came before crosses `least`."""
    ordered = sorted(steps)
    count = sum(step for at, step in ordered if at <= now_ms)
    holds = count >= least
    later = (step for step in ordered if step[0] > now_ms)
    for at, group in groupby(later, key=_when):
        count += sum(step for _, step in group)
        if (count >= least) is not holds:
            return at
    return None


def _when(step: tuple[int, int]) -> int:
    return step[0]


def _place_ms(leaf: Place, seen: object, now_ms: int) -> int | None:
    steps: list[tuple[int, int]] = []
    for stay in stays_of(leaf, seen):
        ends = None if stay.left_ms is None else stay.left_ms + hours_ms(leaf)
        if ends is None or ends > stay.entered_ms:
            steps.append((stay.entered_ms, 1))
            steps += [] if ends is None else [(ends, -1)]
    return _crossing_ms(steps, 1, now_ms)
