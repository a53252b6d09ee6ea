"""Scores of real shoppers, reckoned by numpy from their purchases, without anything of ours."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from push.profiles.derived import sketches
from push.profiles.derived.figures import Figures
from push.profiles.derived.sketches import Population
from tests.support.purchases import Purchase

DAY_S = 86_400
Amounts = npt.NDArray[np.int64]


def check_scores(purchases: Sequence[Purchase], seen: Mapping[str, Figures], everyone: Population) -> None:
    """Hold figures to numpy's: scores by days and counts exactly, by money within the rank error that is stated."""
    names, index = np.unique([one.who for one in purchases], return_inverse=True)
    assert set(names.tolist()) == seen.keys()
    last = np.zeros(len(names), np.int64)
    np.maximum.at(last, index, np.array([one.at_s // DAY_S for one in purchases]))
    orders = np.bincount(index)
    cents = np.bincount(index, np.array([one.cents for one in purchases])).round().astype(np.int64)
    for n, name in enumerate(names.tolist()):
        mine = seen[name]
        assert (mine.orders, mine.spent_minor) == (orders[n], cents[n])
        assert mine.recency_score == quintile(last, n)
        assert mine.frequency_score == quintile(orders, n)
        rank = everyone.rank("monetary:USD", sketches.money_bucket(int(cents[n])))
        assert abs(rank.share - share(cents, n)) <= rank.equal / 2 / len(names) + 1e-9
        assert mine.monetary_score == rank.quintile


def share(values: Amounts, n: int) -> float:
    """How many of all are below one of them, half of the equal ones counted."""
    return float(((values < values[n]).sum() + (values == values[n]).sum() / 2) / len(values))


def quintile(values: Amounts, n: int) -> int:
    """The fifth that one of all values is in."""
    return 1 + min(4, int(5 * share(values, n)))
