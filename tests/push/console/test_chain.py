"""Several stores' figures in one: whoever knows every store's own and subtracts still learns of no small one."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from itertools import product

import pytest

from push.console.chain import Sum, amounts, levels, present
from push.console.figures import Day
from push.console.pages import told
from push.console.pages.today import sentence
from push.console.spark import spark
from push.console.words import FEW

Counts = tuple[int, ...]


def assert_open(shown: Callable[[Counts], Hashable], worlds: Sequence[Counts]) -> None:
    """Wherever a figure is 1 to 4, something else looks just the same in which it is another number."""
    alike = defaultdict(list)
    for world in worlds:
        alike[shown(world)].append(world)
    for look, same in alike.items():
        for place, values in enumerate(zip(*same, strict=True)):
            assert len(set(values)) > 1 or not 0 < values[0] < FEW, (look, place, values[0])


def rows(counts: Counts) -> tuple[str, ...]:
    return tuple(told.people([n], exact=False) for n in counts)


@pytest.mark.parametrize(("stores", "most"), [(1, 12), (2, 12), (3, 8), (4, 6), (5, 5)])
def test_members_by_store_and_in_all_stores_leave_every_small_number_open(stores: int, most: int) -> None:
    def shown(counts: Counts) -> Hashable:
        return (
            rows(counts),
            sentence(counts, exact=False),
            told.members(counts, [Day(members=(n, n)) for n in counts], exact=False, where="").value,
            [str(spark(told.present([Day(members=(9, n))], exact=False), "")) for n in counts].__repr__(),
            str(spark(levels([(9, n) for n in counts]), "")),
        )

    assert_open(shown, list(product(range(most + 1), repeat=stores)))


def test_the_total_gives_way_only_where_it_must() -> None:
    assert told.people([8, 4], exact=False) == "at least 8"
    assert told.people([8, 4], exact=True) == "12"
    assert told.people([8, 0], exact=False) == "8"
    assert told.people([8, 9], exact=False) == "17"
    assert told.people([8, 2, 2, 1], exact=False) == "13"
    assert told.people([2, 1], exact=False) == "fewer than 5"
    assert present([4, 4]) == Sum(5, is_floor=True), "both four: the sum alone would tell"
    assert sentence([8, 4], exact=False) == "At least 8 members are seen in 2 stores now"
    assert sentence([1], exact=True) == "1 member is seen in the store now"


def day_of(reached: int, opened: int) -> Day:
    return Day(decided=40, spoken=reached, sent=reached, opened=opened, reached=reached, pushes=(reached,))


def pages(days: Sequence[Day]) -> Hashable:
    """Today's figures and rows, and what each store's floor says."""
    each = [(told.pushes([day], exact=False), told.silence([day], exact=False)) for day in days]
    cells = [(told.opened([day], exact=False), told.share(day, exact=False)) for day in days]
    whole = told.pushes(days, exact=False), told.silence(days, exact=False)
    return repr((each, cells, whole))


@pytest.mark.parametrize(("stores", "most"), [(1, 12), (2, 10), (3, 7), (4, 5)])
def test_pushes_and_moments_leave_every_small_number_open(stores: int, most: int) -> None:
    worlds = list(product(range(most + 1), repeat=stores))
    assert_open(lambda sent: pages([day_of(n, 0) for n in sent]), worlds)


@pytest.mark.parametrize(("stores", "most"), [(1, 12), (2, 12), (3, 8), (4, 6)])
def test_opened_leaves_every_small_number_open(stores: int, most: int) -> None:
    worlds = list(product(range(most + 1), repeat=stores))
    assert_open(lambda opened: pages([day_of(20, n) for n in opened]), worlds)


@pytest.mark.parametrize("part", ["silent", "spoken"])
def test_shares_leave_every_small_number_of_moments_open(part: str) -> None:
    def shown(counts: Counts) -> Hashable:
        days = [Day(decided=40, spoken=n if part == "spoken" else 40 - n) for n in counts]
        return repr([told.silence(some, exact=False) for some in (days, *([day] for day in days))])

    assert_open(shown, list(product(range(9), repeat=3)))


def test_what_was_sent_to_few_is_no_remainder() -> None:
    many, few = Day(sent=9, opened=6, reached=9), Day(sent=3, opened=2, reached=2)
    assert told.pushes([many, few], exact=False).value == "at least 9"
    assert told.pushes([many, few], exact=False).text == "pushes today · at least 6 opened"
    assert told.pushes([many, few], exact=True)[:2] == ("12", "pushes today · 8 opened")
    assert told.pushes([Day(sent=1, reached=1)], exact=True)[:2] == ("1", "push today · 0 opened")
    assert told.pushes([few], exact=False).value == "Some"
    assert told.opened([few], exact=False) == "fewer than 5"


def test_fewer_than_five_moments_are_no_exact_number_and_no_share() -> None:
    one = Day(decided=1)
    assert told.silence([one], exact=False)[:2] == ("–", "of fewer than 5 moments answered with silence")  # noqa: RUF001 - the console's dash
    assert told.silence([one], exact=True)[:2] == ("100 %", "of 1 moment answered with silence")
    assert told.silence([Day(decided=100, spoken=2)], exact=False).value == "at least 96 %"
    assert told.silence([Day(decided=20, spoken=10)], exact=False)[:2] == (
        "50 %",
        "of 20 moments answered with silence",
    )
    mixed = [Day(decided=20, spoken=10), Day(decided=3, spoken=1)]
    assert told.silence(mixed, exact=False)[:2] == ("50 %", "of at least 20 moments answered with silence")


def test_lines_draw_small_numbers_as_nobody() -> None:
    assert levels([(0, 1, 4, 5, 9)]) == (0, 0, 0, 5, 9)
    assert spark(levels([(0, 1, 4, 2)]), "") == ""
    assert levels([(8, 8), (4,)]) == (8, 8), "days that began at different times"
    assert told.present([Day(members=(0, 1, 4, 5))], exact=True) == (0, 1, 4, 5)


@pytest.mark.parametrize("quarters", [2, 3, 4])
def test_a_day_less_what_its_line_draws_leaves_small_quarters_open(quarters: int) -> None:
    assert_open(
        lambda day: (sum(day), amounts([day])), [d for d in product(range(8), repeat=quarters) if sum(d) >= FEW]
    )
