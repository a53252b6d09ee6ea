"""When a rule is to be asked again though nothing happened: time passes, and "within 30 days" is over."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Final

from push.model.rules.check import Fit, check_of, fit_of, hours_ms, stays_of, test_of, times_ms
from push.model.rules.tree import All, AnyOf, Did, Fact, Facts, Leaf, Not, Place, Rule, leaves, read_by
from push.model.rules.values import DAY_MS, TIMELESS, turns_ms

Turn = tuple[bool, int | None]
"""What holds now, and until when at least; None: for good."""
Turning = Callable[[Facts, int], Turn]
Until = Callable[[object, int], int | None]


def is_timed(rule: Rule) -> bool:
    """Whether time alone may change what a rule says."""
    return any(_is_timed(leaf) for leaf in leaves(rule))


def _is_timed(leaf: Leaf) -> bool:
    match leaf:
        case Fact():
            return leaf.op not in TIMELESS
        case Did() | Place():
            return True  # also without a span: what is dated ahead of our clock begins to count
        case _:
            return False


def until_ms(rule: Rule, facts: Facts, now_ms: int) -> int | None:
    """Until when a rule certainly says what it says now, while the facts stay as they are; None: for good."""
    return turn_of(rule)(facts, now_ms)[1]


def turn_of(rule: Rule) -> Turning:
    """The function that says whether a rule holds, and until when."""
    if not is_timed(rule):
        check = check_of(rule)
        return lambda facts, now_ms: (check(facts, now_ms), None)
    match rule:
        case All():
            return _joined(rule.of, deciding=False)
        case AnyOf():
            return _joined(rule.of, deciding=True)
        case Not():
            return _opposite(turn_of(rule.of))
        case _:
            return _leaf(rule)


def _opposite(part: Turning) -> Turning:
    def turn(facts: Facts, now_ms: int) -> Turn:
        holds, until = part(facts, now_ms)
        return not holds, until

    return turn


def _joined(rules: Sequence[Rule], *, deciding: bool) -> Turning:
    """While one part decides, the others may change: the one that decides longest says how long that is.

    What time does not change is asked first: where it decides, it does so for good.
    """
    fixed = [check_of(rule) for rule in rules if not is_timed(rule)]
    timed = [turn_of(rule) for rule in rules if is_timed(rule)]

    def turn(facts: Facts, now_ms: int) -> Turn:
        for check in fixed:
            if check(facts, now_ms) is deciding:
                return deciding, None
        return _longest([part(facts, now_ms) for part in timed], now_ms, deciding=deciding)

    return turn


def _longest(turns: Sequence[Turn], now_ms: int, *, deciding: bool) -> Turn:
    longest, soonest, is_decided = now_ms, _NEVER_MS, False
    for holds, until in turns:
        ends = _NEVER_MS if until is None else until
        if holds is deciding:
            is_decided, longest = True, max(longest, ends)
        soonest = min(soonest, ends)
    ends = longest if is_decided else soonest
    return is_decided is deciding, None if ends == _NEVER_MS else ends


_NEVER_MS: Final = 2**62


def _leaf(leaf: Leaf) -> Turning:
    test, name, until = test_of(leaf), read_by(leaf), _until(leaf)

    def turn(facts: Facts, now_ms: int) -> Turn:
        seen = facts.get(name)
        return test(seen, now_ms), until(seen, now_ms)

    return turn


def _until(leaf: Leaf) -> Until:
    match leaf:
        case Fact() if leaf.op not in TIMELESS:
            return lambda seen, now_ms: turns_ms(leaf.op, leaf.value, seen, now_ms)
        case Did():
            return _did(leaf, fit_of(leaf))
        case Place():
            return lambda seen, now_ms: _place_ms(leaf, seen, now_ms)
        case _:
            return lambda seen, now_ms: None  # noqa: ARG005 - as every such function is called


def _did(leaf: Did, fit: Fit | None) -> Until:
    """When as many as are wanted are no longer there, or are there at last."""
    least, span = leaf.least, None if leaf.within_days is None else round(leaf.within_days * DAY_MS)

    def until(seen: object, now_ms: int) -> int | None:
        found = times_ms(seen, fit)
        if found and found[-1] > now_ms:
            steps = [(at, 1) for at in found]
            steps += [] if span is None else [(at + span, -1) for at in found]
            return _crossing_ms(steps, least, now_ms)
        if span is None or len(found) < least or found[-least] + span <= now_ms:
            return None
        return found[-least] + span

    return until


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
