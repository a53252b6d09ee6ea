"""Each figure says what its formula says, on purchases that can be reckoned by hand and on those of real shoppers."""

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from push.model.profiles import Json, Statement
from push.profiles.derived.features import NOTHING, PERIOD_S, Features
from push.profiles.derived.figures import Figures, Given, Slots, Taste, figures, receptive, tastes
from push.profiles.derived.lapse import WEEK_S, Lapse, alive, rate
from push.profiles.derived.money import purchases as bought_of
from push.profiles.derived.reading import NoGoods, fold
from push.profiles.derived.rhythm import DAY_S, rhythm, season
from push.profiles.derived.signals import NO_SIGNALS, Signals, Tally
from push.profiles.derived.sketches import RELATIVE_ERROR, Population, Rank, money_bucket
from push.profiles.derived.standings import counted
from tests.support.purchases import Purchase, at_s, cdnow, event, journey, order
from tests.support.scores import check_scores


def features(days: Iterable[str], cents: int = 1000) -> Features:
    bought = (Purchase("ada", at_s(day), cents) for day in days)
    return fold(NOTHING, [order(n, one) for n, one in enumerate(bought)], NoGoods())


def seen(days: Iterable[str], today: str, signals: Signals = NO_SIGNALS, everyone: Population | None = None) -> Figures:
    return figures(features(days), signals, Given(at_s(today) * 1000, everyone or Population()))


def day_of(at_ms: int | None) -> str:
    return "" if at_ms is None else dt.datetime.fromtimestamp(at_ms // 1000, dt.UTC).date().isoformat()


def test_who_did_nothing_has_no_figures() -> None:
    assert figures(NOTHING, NO_SIGNALS, Given(7)) == Figures(at_ms=7)


def test_who_buys_in_april_and_october_is_due_in_march() -> None:
    days = ["2024-04-10", "2024-10-03", "2025-04-20", "2025-10-11"]
    found = seen(days, "2025-11-22")
    assert found.season_months == (4, 10)
    assert day_of(found.due_ms) == "2026-03-01"
    assert day_of(seen(days, "2026-04-02").due_ms) == "2026-09-01"  # the one that comes next
    assert day_of(seen(["2024-01-05", "2025-01-03"], "2025-12-24").due_ms) == "2025-12-01"


def test_who_buys_all_year_is_due_a_gap_after_the_last_time() -> None:
    days = ["2025-01-01", "2025-01-11", "2025-01-21", "2025-01-21T12:00", "2025-02-10"]
    found = seen(days, "2025-02-12")
    assert (found.gap_days, day_of(found.due_ms), found.season_months) == (10, "2025-02-20", ())
    assert seen(days[:2], "2025-02-12").due_ms is None
    weekly = [(dt.date(2023, 1, 1) + dt.timedelta(weeks=n)).isoformat() for n in range(120)]
    assert seen(weekly, "2025-05-01").season_months == ()


@given(st.sets(st.integers(0, 20_000), max_size=30), st.integers(0, 30_000))
def test_a_season_comes_within_a_year(days: set[int], today: int) -> None:
    found = rhythm([day * DAY_S for day in days], today * DAY_S * 1000)
    assert found.months == (season(days) if days else ())
    if found.months:
        assert found.due_ms is not None
        assert -31 <= found.due_ms // 1000 // DAY_S - today <= 366


def refund(number: int, name: str = "Order Refunded", **said: Json) -> Statement:
    return event(name, 9, f"r{number}", said={"currency": "USD", **said})


def test_money_is_what_was_left_after_refunds() -> None:
    back = [
        refund(1, order_id="o-0", total=4),
        refund(2, order_id="o-1"),
        refund(3, "Order Cancelled", order_id="o-1"),
        refund(4, order_id="o-unheard", total=1),
    ]
    bought = features(["2025-01-01", "2025-01-02", "2025-01-03"])
    found = figures(fold(bought, back, NoGoods()), NO_SIGNALS, Given(at_s("2025-02-01") * 1000))
    assert (found.orders, found.spent_minor, found.currency) == (3, 3000 - 400 - 1000 - 100, "USD")
    assert found.average_order_minor == 500
    assert found.spent_by_currency == {"USD": 1500}


def test_taste_halves_with_every_half_life() -> None:
    period = 700
    middle_ms = int((period + 0.5) * PERIOD_S * 1000)
    points = {"old": {period: 8}, "new": {period + 5: 4}}
    asked = Given(middle_ms + 5 * PERIOD_S * 1000, half_life_days=5 * 28)
    assert tastes(points, asked) == (Taste("new", 0.5), Taste("old", 0.5))
    later = tastes(points, asked._replace(now_ms=asked.now_ms + 10**10))
    assert [taste.share for taste in later] == pytest.approx([0.5, 0.5])
    assert len(tastes({f"c{n}": {period: 1} for n in range(30)}, asked)) == 10


def test_basket_and_wishes_are_what_was_put_in_and_not_taken_out() -> None:
    told = [
        event("Product Added", 1_000, "1", said={"product_id": "p1"}),
        event("Product Added", 2_000, "2", said={"product_id": "p2"}),
        event("Product Added to Wishlist", 3_000, "3", said={"product_id": "p3"}),
        event("Product Removed", 4_000, "4", said={"product_id": "p1"}),
    ]
    found = figures(fold(NOTHING, told, NoGoods()), NO_SIGNALS, Given(5_000))
    assert (found.basket, found.wishes) == (("p2",), ("p3",))
    assert found.last_event_ms["Product Removed"] == 4_000


def population(counts: Mapping[tuple[str, int], int]) -> Population:
    return Population({"name": name, "bucket": bucket, "n": n} for (name, bucket), n in sorted(counts.items()))


def test_what_few_messages_say_is_drawn_towards_everyone() -> None:
    everyone = population({("told:hour", 9): 1000, ("opened:hour", 9): 400, ("told:hour", 20): 1000})
    mine = {9: Tally(2, 0), 20: Tally(100, 80)}
    rates = receptive(mine, Slots("hour", 24), everyone)
    assert 0.3 < rates[9] < 0.4
    assert rates[20] == pytest.approx((80 + 20 * (20 * (402 / 2020) / 1020)) / 120, rel=1e-3)
    heard = Signals(
        2, {9: 2}, {0: 2}, mine, {0: Tally(2, 0), 5: Tally(100, 80)}, {"email": Tally(9, 0), "fcm": Tally(9, 8)}
    )
    found = figures(NOTHING, heard, Given(5, everyone))
    assert (found.best_hour, found.best_weekday, found.channel) == (20, 5, "fcm")
    assert found.channels["email"] < 0.1 < found.channels["fcm"]
    assert (found.visits, found.visit_hours[9], found.visit_weekdays) == (2, 2, (2, 0, 0, 0, 0, 0, 0))


def test_what_few_messages_say_is_drawn_towards_her_segments_and_these_towards_everyone() -> None:
    random = np.random.default_rng(11)
    told = random.integers(0, 400, (4, 7))  # everyone, two segments that she is in, one that she is not in
    opened = random.binomial(told, random.random((4, 7)))
    names = ["weekday", "weekday@vip", "weekday@young", "weekday@others"]
    counts = {(f"told:{name}", day): int(told[n, day]) for n, name in enumerate(names) for day in range(7)}
    counts |= {(f"opened:{name}", day): int(opened[n, day]) for n, name in enumerate(names) for day in range(7)}
    mine = {2: Tally(3, 3), 6: Tally(40, 1)}
    her = np.array([[0, 0], [0, 0], [3, 3], [0, 0], [0, 0], [0, 0], [40, 1]])
    base = (opened[0].sum() + 2) / (told[0].sum() + 20)  # a tenth of 20 messages, where nobody was told anything
    rates = (opened[0] + 20 * base) / (told[0] + 20)
    rates = ((opened[1:3] + 20 * rates) / (told[1:3] + 20)).mean(axis=0)
    expected = (her[:, 1] + 20 * rates) / (her[:, 0] + 20)
    found = receptive(mine, Slots("weekday", 7), population(counts), ("vip", "young"))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_ranks_count_half_of_who_is_equal() -> None:
    everyone = population({("frequency", 1): 6, ("frequency", 2): 2, ("frequency", 9): 2})
    assert everyone.rank("frequency", 2) == Rank(6, 2, 10)
    assert [everyone.rank("frequency", n).quintile for n in (0, 1, 2, 5, 9, 99)] == [1, 2, 4, 5, 5, 5]
    assert Population().rank("frequency", 1).share == 0.5


@given(st.integers(1, 2**50), st.integers(1, 2**50))
def test_amounts_of_one_bucket_are_two_percent_apart_at_most(one: int, other: int) -> None:
    assert (money_bucket(one) <= money_bucket(other)) == (one <= other) or money_bucket(one) == money_bucket(other)
    nearby = round(one * (1 + 2.1 * RELATIVE_ERROR)) + 1
    assert money_bucket(nearby) > money_bucket(one) > money_bucket(0) == money_bucket(-5)


def test_lapse_is_as_published() -> None:
    """CDNOW's customer with two repeat purchases, the last after 30.43 of 38.86 weeks (Fader, Hardie, Lee 2005)."""
    fitted = Lapse()
    assert rate(2, 38.86, fitted) == pytest.approx(2.243 / 43.274)
    odds = 0.793 / (2.426 + 2 - 1) * ((4.414 + 38.86) / (4.414 + 30.43)) ** 2.243
    assert alive(2, 30.43, 38.86, fitted) == pytest.approx(1 / (1 + odds))
    assert alive(0, 0, 500, fitted) == 1
    assert alive(5000, 1, 10**6, fitted) == pytest.approx(0, abs=1e-12)


def by_customer(purchases: Iterable[Purchase]) -> dict[str, list[Purchase]]:
    found: dict[str, list[Purchase]] = {}
    for one in purchases:
        found.setdefault(one.who, []).append(one)
    return found


def done(purchases: Iterable[Purchase]) -> dict[str, Features]:
    numbered = {who: [order(n, one) for n, one in enumerate(mine)] for who, mine in by_customer(purchases).items()}
    return {who: fold(NOTHING, mine, NoGoods()) for who, mine in numbered.items()}


def reckoned(purchases: Iterable[Purchase], now_s: int) -> dict[str, Figures]:
    given = Given(now_s * 1000)
    return {who: figures(did, NO_SIGNALS, given) for who, did in done(purchases).items()}


@pytest.mark.parametrize("purchases", [cdnow(), journey()])
def test_scores_among_all_of_them_are_those_that_numpy_finds(purchases: list[Purchase]) -> None:
    did = done(purchases)
    together: Counter[tuple[str, int]] = Counter()
    for one in did.values():
        for name, buckets in counted(bought_of(one), NO_SIGNALS).items():
            together.update({(name, bucket): n for bucket, n in buckets.items()})
    everyone = population(together)
    given = Given(at_s("2018-02-01") * 1000, everyone)
    check_scores(purchases, {who: figures(one, NO_SIGNALS, given) for who, one in did.items()}, everyone)


@pytest.mark.parametrize(("purchases", "now_s"), [(cdnow(), at_s("1998-07-01")), (journey(), at_s("2018-02-01"))])
def test_repeat_purchase_figures_are_those_that_numpy_finds(purchases: list[Purchase], now_s: int) -> None:
    found = reckoned(purchases, now_s)
    who, index = np.unique([one.who for one in purchases], return_inverse=True)
    times = np.array([one.at_s for one in purchases])
    first, last = np.full(len(who), 2**40), np.zeros(len(who), np.int64)
    np.minimum.at(first, index, times)
    np.maximum.at(last, index, times)
    repeats = np.bincount(index) - 1
    cents = np.bincount(index, [one.cents for one in purchases]).round().astype(np.int64)
    fitted = Lapse()
    waited = (fitted.alpha_weeks + (now_s - first) / WEEK_S) / (fitted.alpha_weeks + (last - first) / WEEK_S)
    odds = fitted.a / (fitted.b + repeats - 1) * np.exp((fitted.r + repeats) * np.log(waited))
    risk = np.where(repeats > 0, 1 - 1 / (1 + odds), 0)
    for n, name in enumerate(who.tolist()):
        mine = found[name]
        assert (mine.orders, mine.spent_minor) == (repeats[n] + 1, cents[n])
        assert (mine.first_order_ms, mine.last_order_ms) == (first[n] * 1000, last[n] * 1000)
        assert mine.lapse_risk == pytest.approx(risk[n])
        days = np.unique(times[index == n] // DAY_S)
        if len(days) > 2 and repeats[n] < 64:
            assert mine.gap_days == np.median(np.diff(days))


def test_who_is_said_to_come_back_does_so_more_often() -> None:
    """CDNOW: figures as of the end of September 1997, against what was bought in the 39 weeks after it."""
    until_s = at_s("1997-10-01")
    before = [one for one in cdnow() if one.at_s < until_s]
    later = {one.who for one in cdnow() if one.at_s >= until_s}
    found = reckoned(before, until_s)
    expected = sum((figure.orders_next_year or 0) * 39 / 52 for figure in found.values())
    actual = sum(one.at_s >= until_s for one in cdnow())
    assert math.isclose(expected, actual, rel_tol=0.25)
    back = {who: who in later for who, figure in found.items() if figure.orders > 1}
    likely = {who: (found[who].lapse_risk or 0) < 0.5 for who in back}
    rates = [np.mean([back[who] for who in back if likely[who] == yes]) for yes in (True, False)]
    assert rates[0] > 1.5 * rates[1]
