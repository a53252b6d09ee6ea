"""Whatever order sayings come in and however often, the same traits hold; each strategy means what it says."""

from functools import reduce
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from push.model.profiles import Identifier, Json, Statement
from push.profiles import trait_words, traits
from push.profiles.trait_words import Strategies, TraitSettings
from push.profiles.traits import TraitState
from tests.support.keyrings import NOVEMBER_MS

ADA = Identifier("user_id", "ada")
EMPTY = TraitState()


def said(at_ms: int, source: str = "shop", number: int = 0, /, **words: Json) -> Statement:
    name = f"st_{at_ms}_{source}_{number}"
    return Statement(id=name, home=ADA, kind="identify", traits=words, source=source, at_ms=at_ms, received_ms=at_ms)


def told(*statements: Statement, strategies: Strategies | None = None) -> dict[str, Json]:
    state = reduce(lambda so_far, one: traits.fold(so_far, one, strategies or {}), statements, EMPTY)
    return traits.values(state, strategies or {})


def every(strategy: trait_words.Strategy, *statements: Statement, sources: tuple[str, ...] = ()) -> Json:
    """What holds of the trait `x`."""
    return told(*statements, strategies={"x": TraitSettings(strategy=strategy, sources=sources)}).get("x")


json = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([0.5, 1.0, "a", "b", "é", "x" * 300]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)


def spoken(*sources: str) -> st.SearchStrategy[list[Statement]]:
    """Statements of these sources."""
    one = st.builds(
        lambda at_ms, source, number, words: said(at_ms, source, number, **words),
        st.integers(0, 6),
        st.sampled_from(sources),
        st.integers(0, 30),
        st.dictionaries(st.sampled_from(["x", "y", "birthday"]), json, max_size=2),
    )
    return st.lists(one, max_size=24, unique_by=lambda one: one.id)


plain = spoken("app", "shop", "till")
statements = spoken("app", "shop", "till", "correction:herself", "correction taken back:operator:ann")


@settings(max_examples=60, deadline=None)
@given(statements, st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_make_the_same_state(whole: list[Statement], random: Random) -> None:
    other = whole + random.choices(whole, k=len(whole)) if whole else []
    random.shuffle(other)
    straight = reduce(traits.fold, whole, EMPTY)
    assert _bits(reduce(traits.fold, other, EMPTY)) == _bits(straight)


@settings(max_examples=60, deadline=None)
@given(statements, st.integers(0, 24))
def test_many_statements_folded_at_once_leave_what_they_leave_one_by_one(whole: list[Statement], place: int) -> None:
    before = reduce(traits.fold, whole[:place], EMPTY)
    assert _bits(traits.fold_all(before, whole[place:])) == _bits(reduce(traits.fold, whole[place:], before))


@settings(max_examples=60, deadline=None)
@given(statements, statements, statements)
def test_facets_join_in_any_grouping(first: list[Statement], second: list[Statement], third: list[Statement]) -> None:
    first, second, third = (_of(letter, part) for letter, part in zip("abc", (first, second, third), strict=True))
    a, b, c = (reduce(traits.fold, part, EMPTY) for part in (first, second, third))
    whole = _bits(traits.join([a, b, c]))
    assert whole == _bits(traits.join([c, traits.join([b, a])])) == _bits(traits.join([traits.join([a, a, b]), c, b]))
    assert whole == _bits(reduce(traits.fold, [*third, *first, *second], EMPTY))


@settings(max_examples=60, deadline=None)
@given(plain)
def test_what_is_pruned_early_is_never_asked_for(whole: list[Statement]) -> None:
    """Values by each strategy equal those that a plain look at all sayings gives."""
    mine = sorted((one for one in whole if "x" in one.traits), key=lambda one: (one.at_ms, one.id))
    seen = [(one, one.traits["x"]) for one in mine]
    numbers = [x for _, x in seen if isinstance(x, int | float) and not isinstance(x, bool)]
    gone = not seen or seen[-1][1] is None
    assert every("latest", *whole) == (None if gone else seen[-1][1])
    if numbers:
        assert every("highest", *whole) == (None if gone else max(numbers))
        assert every("lowest", *whole) == (None if gone else min(numbers))
    till = [x for one, x in seen if one.source == "till"]
    best = till[-1] if till and till[-1] is not None else every("latest", *whole)
    assert every("sources", *whole, sources=("till",)) == best


def test_strategies() -> None:
    talk = [said(3, x="b"), said(1, x="a"), said(2, "till", x=["a", "c"])]
    assert every("latest", *talk) == "b"
    assert every("first", *talk) == "a"
    assert every("union", *talk) == ["a", "b", "c"]
    assert every("sources", *talk, sources=("crm", "till")) == ["a", "c"]
    assert every("highest", said(1, x=3), said(2, x=7), said(3, x=5), said(4, x="z")) == 7
    assert every("lowest", said(1, x="2026-03-01"), said(2, x="2025-12-24")) == "2025-12-24"


@pytest.mark.parametrize("strategy", ["latest", "first", "highest", "lowest", "union", "sources"])
def test_null_takes_a_trait_away_until_it_is_said_again(strategy: trait_words.Strategy) -> None:
    assert every(strategy, said(1, x=1), said(2, x=None)) is None
    assert every(strategy, said(2, x=None), said(1, x=1), said(3, x=1)) in (1, [1])


def test_of_a_source_that_takes_its_word_back_the_next_one_counts() -> None:
    talk = [said(1, "crm", x="Ms"), said(2, "till", x="Dr"), said(3, "crm", x=None)]
    assert every("sources", *talk, sources=("crm", "till")) == "Dr"


def test_birthdays_lose_their_year() -> None:
    assert told(said(1, birthday="1990-02-28T00:00:00Z", date_of_birth="--02-29", dob="1990-13-01", DOB=7)) == {
        "birthday": "--02-28",
        "date_of_birth": "--02-29",
    }
    assert b"1990" not in _bits(traits.fold(EMPTY, said(1, dateOfBirth="1990-02-28")))


@pytest.mark.parametrize(
    ("birthday", "years"),
    [("1990-11-22", 36), ("1990-11-23", 35), ("2026-11-22", 0), ("2027-01-01", None), ("1900-01-01", None)],
)
def test_the_year_says_how_old_somebody_is(birthday: str, years: int | None) -> None:
    assert trait_words.age({"name": "Ada", "birthday": birthday}, NOVEMBER_MS) == years
    assert trait_words.age({"birthday": birthday[4:]}, NOVEMBER_MS) is None


def test_what_is_too_much_is_dropped_and_counted_and_the_rest_kept() -> None:
    deep: Json = "end"
    for _ in range(100):
        deep = [deep]
    words: dict[str, Json] = {
        "name": "Ada",
        "deep": deep,
        "big": "x" * 9000,
        "n" * 101: 1,
        "a\0": 1,
        "birthday": "soon",
    }
    kept, dropped = trait_words.taken(words | {"size": "XL"}, {"size": TraitSettings(type="number")})
    assert kept == {"name": "Ada"}
    assert dropped == {"too_deep": 1, "too_large": 1, "bad_name": 2, "bad_birthday": 1, "wrong_type": 1}
    flood: dict[str, Json] = {f"k{n}": n for n in range(10_000)}
    assert len(told(said(1, name="Ada", **flood))) == 500  # Segment's reserved ones first


def test_of_too_many_names_the_same_ones_stay_and_well_known_ones_among_them() -> None:
    parts = [said(n, **{f"k{n}_{m}": m for m in range(100)}) for n in range(8)]
    talk = [*parts, said(9, firstName="Ada"), said(2, "till", firstName="A")]
    assert told(*talk) == told(*reversed(talk))
    assert told(*talk)["firstName"] == "Ada"
    assert len(told(*talk)) == 500


def test_a_groups_traits_are_not_its_members() -> None:
    assert told(msgspec.structs.replace(said(1, name="Initech"), kind="group")) == {}


@pytest.mark.parametrize(
    ("value", "fitting"),
    [(True, "boolean"), (1, "number"), ("2026-01-01", "date"), ("a", "text"), ([1], "list"), ({"a": 1}, "object")],
)
def test_types(value: Json, fitting: str) -> None:
    kinds: tuple[trait_words.TraitType, ...] = ("boolean", "number", "text", "list", "object")
    wanted = "text" if fitting == "date" else fitting
    assert [kind for kind in kinds if trait_words.fits(value, kind)] == [wanted]
    assert trait_words.fits(value, "any")
    assert trait_words.fits(value, "date") == (fitting == "date")


def _of(facet: str, whole: list[Statement]) -> list[Statement]:
    return [msgspec.structs.replace(one, id=f"{facet}{one.id}") for one in whole]


def _bits(state: TraitState) -> bytes:
    return msgspec.msgpack.encode(state, order="sorted")


def test_a_correction_holds_above_every_strategy_until_it_is_taken_back() -> None:
    right, back = said(5, "correction:operator:ann", x=2), said(9, "correction taken back:operator:bob", x=None)
    after: dict[trait_words.Strategy, int] = {"highest": 8, "latest": 7, "first": 1}
    for strategy, value in after.items():
        told_of = [said(1, x=1), right, said(6, x=8), said(7, "till", x=7)]
        assert every(strategy, *told_of) == 2
        assert every(strategy, *told_of, back) == value


def test_a_flood_of_names_drops_no_correction() -> None:
    right = fold_of(said(1, "correction:operator:ann", 0, country="AT", language="de", tier="gold"))
    flood = [said(2 + n, "app:x", n, **{f"n{n}": n}) for n in range(400)]
    state = traits.fold_all(right, flood, {}, 100)
    assert len(state.names) == 100
    assert traits.corrected(state).keys() == {"country", "language", "tier"}


def fold_of(*statements: Statement) -> TraitState:
    return traits.fold_all(TraitState(), statements)
