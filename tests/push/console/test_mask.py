"""No figure about fewer than five people, and none from which one could be reckoned."""

from hypothesis import given
from hypothesis import strategies as st

from push.console.live.mask import masked, shade

COUNTS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 30), max_size=8)


@given(COUNTS, st.integers(0, 10))
def test_nothing_that_is_told_gives_fewer_than_five_away(counts: dict[str, int], elsewhere: int) -> None:
    total = sum(counts.values()) + elsewhere
    seen = masked(counts, total, exact=False)
    told = [n for n in seen.zones.values() if n is not None]
    assert all(n >= 5 for n in told)
    assert seen.total is None or seen.total >= 5
    if seen.total is None:
        assert not told
    else:
        rest = seen.total - sum(told)
        assert rest == 0 or rest >= 5


@given(COUNTS)
def test_what_is_told_is_true(counts: dict[str, int]) -> None:
    seen = masked(counts, sum(counts.values()), exact=False)
    assert seen.zones.keys() == counts.keys()
    assert all(n in {None, counts[zone]} for zone, n in seen.zones.items())


@given(COUNTS)
def test_who_may_know_everything_is_told_everything(counts: dict[str, int]) -> None:
    assert masked(counts, 3, exact=True)[:2] == (counts, 3)


def test_a_zone_is_hidden_where_its_neighbour_could_be_reckoned() -> None:
    hidden = ({"shoes": None, "men": None}, 11, "few members")
    assert masked({"shoes": 9, "men": 2}, 11, exact=False) == hidden, "nine are not said to be fewer than five"
    assert masked({"shoes": 9, "men": 0}, 9, exact=False) == ({"shoes": 9, "men": None}, 9, "fewer than 5")


def test_the_shade_is_a_share_and_tells_nothing_of_few() -> None:
    assert [shade(n, 100) for n in (None, 0, 5, 12, 30, 50, 100)] == [0, 0, 1, 2, 4, 5, 5]
