"""What a week came to: who was sent how much, what became of every campaign at every decision. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

SUPPRESSED: Final = frozenset({"bought", "owned", "redeemed", "disliked", "snoozed"})
MOST_SHOWN: Final = 10
"""Pushes per person that are told apart; more are counted together."""
BAR: Final = 40


class Week(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one week. `per_person` says how many people got so many pushes, `verdicts` of all candidates.

    `pushes_a_visit` is of pushes during visits; `in_quiet_hours` and `without_consent` are counted by the simulator
    from its own clock and memory, not from what decisions say. `lost` are people who took offers back for good.
    """

    people: int
    reachable: int
    visits: int
    decisions: int
    pushes: int
    pushes_a_person: float
    most_pushes: int
    pushes_a_visit: float
    most_in_a_visit: int
    visits_with_more: int
    capped: float
    suppressed: float
    worthless: float
    quiet: float
    opened: float
    less: int
    lost: int
    in_quiet_hours: int
    without_consent: int
    replayed: int
    replayed_equal: int
    seconds: float
    per_person: tuple[int, ...]
    verdicts: dict[str, int]


class Tally:
    """Counts while a week is played."""

    def __init__(self) -> None:
        self.verdicts: Counter[str] = Counter()
        self.pushes: Counter[str] = Counter()
        self.in_visit: Counter[str] = Counter()
        self.decisions: list[str] = []
        self.visits = self.opened = self.less = self.lost = self.in_quiet_hours = self.without_consent = 0
        self.replayed = self.replayed_equal = 0

    def week(self, people: Mapping[str, bool], seconds: float) -> Week:
        """The figures; `people` says who agreed to offers at first."""
        sent = sum(self.pushes.values())
        visits = max(1, self.visits)
        return Week(
            people=len(people),
            reachable=sum(people.values()),
            visits=self.visits,
            decisions=len(self.decisions),
            pushes=sent,
            pushes_a_person=sent / max(1, sum(people.values())),
            most_pushes=max(self.pushes.values(), default=0),
            pushes_a_visit=sum(self.in_visit.values()) / visits,
            most_in_a_visit=max(self.in_visit.values(), default=0),
            visits_with_more=sum(number > 1 for number in self.in_visit.values()),
            capped=self._share({"cap", "budget"}),
            suppressed=self._share(SUPPRESSED),
            worthless=self._share({"worthless"}),
            quiet=self._share({"quiet"}),
            opened=self.opened / max(1, sent),
            less=self.less,
            lost=self.lost,
            in_quiet_hours=self.in_quiet_hours,
            without_consent=self.without_consent,
            replayed=self.replayed,
            replayed_equal=self.replayed_equal,
            seconds=seconds,
            per_person=_spread([self.pushes[who] for who, agreed in people.items() if agreed]),
            verdicts=dict(self.verdicts.most_common()),
        )

    def _share(self, verdicts: Iterable[str]) -> float:
        """How many of all candidates ended so."""
        return sum(self.verdicts[verdict] for verdict in verdicts) / max(1, self.verdicts.total())


def _spread(pushes: Iterable[int]) -> tuple[int, ...]:
    counted = Counter(min(number, MOST_SHOWN) for number in pushes)
    return tuple(counted[number] for number in range(MOST_SHOWN + 1))


def histogram(week: Week) -> list[str]:
    """How many people got how many pushes, a line each."""
    longest = max(1, *week.per_person)
    return [
        f"{_label(n):>4} {'█' * round(BAR * people / longest):<{BAR}} {people:,}"
        for n, people in enumerate(week.per_person)
    ]


def _label(n: int) -> str:
    return f"{n}+" if n == MOST_SHOWN else str(n)


ROWS: Final[tuple[tuple[str, str, str], ...]] = (
    ("people who agreed to offers", "reachable", ",d"),
    ("visits", "visits", ",d"),
    ("decisions", "decisions", ",d"),
    ("pushes", "pushes", ",d"),
    ("pushes per person who agreed", "pushes_a_person", ".2f"),
    ("most of one person", "most_pushes", "d"),
    ("pushes per visit", "pushes_a_visit", ".2f"),
    ("most in one visit", "most_in_a_visit", "d"),
    ("visits with more than one", "visits_with_more", ",d"),
    ("candidates capped", "capped", ".1%"),
    ("candidates suppressed (bought, disliked, …)", "suppressed", ".1%"),
    ("candidates not worth her patience", "worthless", ".1%"),
    ("candidates kept from quiet hours", "quiet", ".1%"),
    ("pushes opened", "opened", ".1%"),
    ("told us: less of this", "less", ",d"),
    ("people who took offers back", "lost", ",d"),
    ("pushes in quiet hours", "in_quiet_hours", "d"),
    ("pushes without consent", "without_consent", "d"),
    ("decisions made again", "replayed", ",d"),
    ("the same, bit for bit", "replayed_equal", ",d"),
    ("seconds that it took", "seconds", ".0f"),
)


def table(weeks: Mapping[str, Week]) -> list[tuple[str, ...]]:
    """Rows of text: what, and each week's figure; the first row is the head."""
    head = ("", *weeks)
    return [
        head,
        *((words, *(format(getattr(week, name), how) for week in weeks.values())) for words, name, how in ROWS),
    ]


def verdicts(weeks: Mapping[str, Week]) -> list[tuple[str, ...]]:
    """What became of candidates, by verdict, as `table`."""
    names = dict.fromkeys(name for week in weeks.values() for name in week.verdicts)
    return [("what became of candidates", *weeks)] + [
        (name, *(f"{week.verdicts.get(name, 0):,}" for week in weeks.values())) for name in names
    ]
