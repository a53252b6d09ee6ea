"""Rules of all shapes: what explains agrees with what decides, JSON comes back, and time is foreseen."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from push.model.people import PURPOSES
from push.model.rules.check import check_of
from push.model.rules.explain import Explained, explain
from push.model.rules.parse import MOST_NODES, RuleError, parse, written
from push.model.rules.tree import Happened, Stay, events_of, leaves, read_by, uses
from push.model.rules.turns import is_timed, until_ms
from push.model.rules.values import DAY_MS

NOW_MS = 1_760_000_000_000
HOUR_MS = 3_600_000

TIMES = st.integers(NOW_MS - 40 * DAY_MS, NOW_MS + 40 * DAY_MS)
SCALARS = st.one_of(
    st.sampled_from(["red", "Red wine", "", "05-17", "02-29", "2025-10-01"]), st.integers(-3, 3), st.booleans()
)
VALUES = st.one_of(SCALARS, st.none(), TIMES, st.lists(SCALARS, max_size=3), st.floats(-9, 9))
NAMES = st.sampled_from(["a", "b", "c"])
DAYS = st.integers(1, 60)
MADE = {
    "is": SCALARS, "is_not": SCALARS, "one_of": st.lists(SCALARS, min_size=1, max_size=3),
    "none_of": st.lists(SCALARS, min_size=1, max_size=3), "at_least": st.integers(-3, 3),
    "at_most": st.integers(-3, 3), "between": st.tuples(st.integers(-3, 0), st.integers(0, 3)).map(list),
    "contains": st.sampled_from(["e", "RED"]), "begins": st.sampled_from(["R", "0"]), "known": st.none(),
    "unknown": st.none(), "after": st.just("2025-10-01"), "before": st.just("2025-10-20T10:00:00Z"),
    "within_days": DAYS, "not_within_days": DAYS, "ahead_days": DAYS, "every_year_in_days": st.integers(0, 365),
}  # fmt: skip
TIMELESS = [op for op in MADE if "days" not in op]


def compared(ops: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(ops).flatmap(lambda op: MADE[op].map(lambda value: {"op": op, "value": value}))


FACT = st.builds(lambda fact, rest: {"kind": "fact", "fact": fact, **rest}, NAMES, compared(list(MADE)))
WHERE = st.builds(lambda name, rest: {"property": name, **rest}, st.sampled_from(["x", "list.y"]), compared(TIMELESS))
DID = st.builds(
    lambda least, days, where: {"kind": "did", "event": "Bought", "least": least, "within_days": days, "where": where},
    st.integers(1, 3), st.none() | st.integers(1, 30), st.lists(WHERE, max_size=1),
)  # fmt: skip
PLACE = st.builds(
    lambda store, hours: {"kind": "place", "store": store, "within_hours": hours},
    st.sampled_from([None, "s1", "s2"]), st.none() | st.integers(1, 48),
)  # fmt: skip
OTHER = st.sampled_from([{"kind": "segment", "segment": "vip"}, {"kind": "consent", "purpose": "marketing"}])
RULES: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.one_of(FACT, DID, PLACE, OTHER),
    lambda inner: st.one_of(
        st.builds(
            lambda kind, of: {"kind": kind, "of": of}, st.sampled_from(["all", "any"]), st.lists(inner, max_size=3)
        ),
        inner.map(lambda one: {"kind": "not", "of": one}),
    ),
    max_leaves=6,
)
PROPERTIES = st.fixed_dictionaries(
    {}, optional={"x": SCALARS, "list": st.lists(st.fixed_dictionaries({"y": SCALARS}), max_size=2)}
)
EVENTS = st.lists(st.builds(Happened, TIMES, PROPERTIES), max_size=5).map(events_of)
STAYS = st.lists(
    st.builds(
        lambda store, begins, length: Stay(store, None, begins, None if length is None else begins + length),
        st.sampled_from(["s1", "s2"]), TIMES, st.none() | st.integers(0, 5 * HOUR_MS),
    ),
    max_size=3,
).map(tuple)  # fmt: skip
FACTS = st.fixed_dictionaries(
    {},
    optional={
        "a": VALUES, "b": VALUES, "c": VALUES, "events.Bought": EVENTS, "stays": STAYS, "segment.vip": st.booleans(),
        **{f"consent.{purpose}": st.booleans() for purpose in PURPOSES[:2]},
    },
)  # fmt: skip


@given(RULES)
def test_a_rule_comes_back_from_its_json(raw: dict[str, Any]) -> None:
    rule = parse(raw)
    again = msgspec.json.decode(msgspec.json.encode(written(rule)))
    assert parse(again) == rule
    assert uses(rule) == {read_by(leaf) for leaf in leaves(rule)}


@given(RULES, FACTS)
def test_what_explains_agrees_with_what_decides(raw: dict[str, Any], facts: dict[str, Any]) -> None:
    rule = parse(raw)
    told = explain(rule, facts, NOW_MS)
    assert told.holds is check_of(rule)(facts, NOW_MS)
    assert _agrees(raw, told)
    assert msgspec.json.decode(msgspec.json.encode(told), type=Explained).text == told.text


def _agrees(raw: dict[str, Any], told: Explained) -> bool:
    """Whether each verdict follows from those below it."""
    below = [part.holds for part in told.of]
    follows = {"all": all(below), "any": any(below), "not": not any(below)}.get(raw["kind"], told.holds)
    parts = raw.get("of", [])
    parts = parts if isinstance(parts, list) else [parts]
    return told.holds is follows and all(_agrees(*pair) for pair in zip(parts, told.of, strict=True))


@given(RULES, FACTS, st.lists(st.integers(0, 90 * DAY_MS), max_size=8))
def test_until_then_a_rule_says_what_it_says_now(raw: dict[str, Any], facts: dict[str, Any], later: list[int]) -> None:
    rule = parse(raw)
    check, until = check_of(rule), until_ms(rule, facts, NOW_MS)
    now = check(facts, NOW_MS)
    assert until is None or until > NOW_MS
    assert until is None or is_timed(rule)
    points = [NOW_MS + step for step in later] + ([] if until is None else [until - 1])
    assert all(check(facts, at) is now for at in points if until is None or at < until)


@given(st.one_of(FACT, DID, PLACE), FACTS)
def test_time_is_foreseen_to_the_millisecond(raw: dict[str, Any], facts: dict[str, Any]) -> None:
    """Of what compares one thing, the verdict turns exactly then; a whole year's window may only stay open."""
    rule = parse(raw)
    until = until_ms(rule, facts, NOW_MS)
    if until is not None and raw.get("op") != "every_year_in_days":
        check = check_of(rule)
        assert check(facts, until) is not check(facts, NOW_MS)


def holds(rule: dict[str, Any], facts: dict[str, Any], now_ms: int = NOW_MS) -> bool:
    return check_of(parse(rule))(facts, now_ms)


def fact(op: str, value: object = None) -> dict[str, Any]:
    return {"kind": "fact", "fact": "a", "op": op, "value": value}


@pytest.mark.parametrize(
    ("op", "value", "seen", "verdict"),
    [
        ("is", "Berlin", "Berlin", True),
        ("is", "Berlin", "berlin", False),
        ("is", 1, True, False),
        ("is", True, True, True),
        ("is", 1, 1.0, True),
        ("is", "tea", ["coffee", "tea"], True),
        ("is", 2, [1, 2], True),
        ("is_not", "Berlin", None, True),
        ("one_of", [1, "x"], True, False),
        ("one_of", ["x", True], True, True),
        ("none_of", ["x"], "y", True),
        ("at_least", 3, "7", False),
        ("at_least", 3, 3, True),
        ("at_most", 3, True, False),
        ("between", [1, 3], [9, 2], True),
        ("contains", "WINE", "Red wine", True),
        ("begins", "red", "Red wine", True),
        ("begins", "wine", "Red wine", False),
        ("known", None, 0, True),
        ("unknown", None, None, True),
        ("after", "2025-10-01", "2025-10-01T00:00:00Z", True),
        ("before", "2025-10-01", "2025-10-01T01:00:00+02:00", True),
        ("within_days", 2, NOW_MS - 2 * DAY_MS, False),
        ("within_days", 2, NOW_MS - 2 * DAY_MS + 1, True),
        ("within_days", 2, NOW_MS + 1, False),
        ("within_days", 2, "no date", False),
        ("within_days", 2, 1e300, False),
        ("not_within_days", 90, None, True),
        ("ahead_days", 7, NOW_MS + 7 * DAY_MS, True),
        ("ahead_days", 7, NOW_MS, False),
        ("every_year_in_days", 7, "1990-10-10", True),  # NOW_MS is 2025-10-09
        ("every_year_in_days", 0, "--10-09", True),
        ("every_year_in_days", 7, "10-08", False),
        ("every_year_in_days", 7, "13-45", False),
        ("every_year_in_days", 150, "02-29", True),
    ],
)
def test_values_compare_as_people_would(op: str, value: object, seen: object, *, verdict: bool) -> None:
    assert holds(fact(op, value), {} if seen is None else {"a": seen}) is verdict


def test_events_count_by_what_they_are_about() -> None:
    bought = tuple(
        Happened(NOW_MS - days * DAY_MS, {"products": [{"brand": brand}, {"brand": "Other"}]})
        for days, brand in ((40, "Acme"), (10, "Acme"), (5, "Acme"), (1, "Umbrella"))
    )
    rule = {
        "kind": "did", "event": "Order Completed", "least": 2, "within_days": 30,
        "where": [{"property": "products.brand", "op": "is", "value": "Acme"}],
    }  # fmt: skip
    facts = {"events.Order Completed": events_of(bought)}
    assert holds(rule, facts)
    assert not holds({**rule, "least": 3}, facts)
    assert until_ms(parse(rule), facts, NOW_MS) == NOW_MS + 20 * DAY_MS
    told = explain(parse(rule), facts, NOW_MS)
    assert told.seen == {"times": 3, "last_ms": NOW_MS - 5 * DAY_MS}
    assert told.text == "did 'Order Completed' at least 2 times within 30 days, its products.brand is \"Acme\""


def test_who_was_in_a_store_this_hour() -> None:
    stays = (Stay("s1", None, NOW_MS - HOUR_MS, NOW_MS - HOUR_MS // 2), Stay("s1", "shoes", NOW_MS - HOUR_MS, None))
    rule = {"kind": "place", "store": "s1", "within_hours": 1}
    assert holds(rule, {"stays": stays})
    assert until_ms(parse(rule), {"stays": stays}, NOW_MS) == NOW_MS + HOUR_MS // 2
    assert not holds({"kind": "place", "store": "s1"}, {"stays": stays})
    assert holds({"kind": "place", "store": "s1", "zone": "shoes"}, {"stays": stays})
    assert not holds({"kind": "place", "store": "s2", "within_hours": 1}, {"stays": stays})
    told = explain(parse({"kind": "place", "store": "s1", "zone": "shoes"}), {"stays": stays}, NOW_MS)
    assert told.text == "is in zone shoes of store s1"


def deep(levels: int) -> dict[str, Any]:
    rule: dict[str, Any] = fact("known")
    for _ in range(levels - 1):
        rule = {"kind": "not", "of": rule}
    return rule


@pytest.mark.parametrize(
    ("raw", "path", "words"),
    [
        ([], "$", "an object was expected"),
        ({"kind": "sql"}, "$", "one of all, any, not, fact"),
        ({"kind": ["all"]}, "$", "one of all, any, not, fact"),
        ({"kind": "all", "of": {}}, "$.of", "a list of rules"),
        ({"kind": "all", "of": [], "x": 1}, "$.x", "no such field"),
        ({"kind": "all", "of": [fact("known"), {"kind": "not"}]}, "$.of[1].of", "an object was expected"),
        ({"kind": "any", "of": [{"kind": "fact", "fact": "a", "op": "like"}]}, "$.of[0].op", "like"),
        ({"kind": "any", "of": [{"kind": "fact", "op": "is"}]}, "$.of[0]", "required field `fact`"),
        ({**fact("known"), "sql": 1}, "$", "no such field is known"),
        (fact("known", 1), "$.value", "`known` takes no value"),
        (fact("is", {}), "$.value", "`is` takes a text"),
        (fact("is", "x" * 201), "$.value", "at most 200"),
        (fact("one_of", []), "$.value", "a list of 1 to 500"),
        (fact("between", [3, 1]), "$.value", "the smaller one first"),
        (fact("at_least", "3"), "$.value", "a number"),
        (fact("at_least", 1e300), "$.value", "a number"),
        (fact("after", "soon"), "$.value", "ISO 8601"),
        (fact("within_days", 0), "$.value", "more than 0"),
        (fact("every_year_in_days", 1.5), "$.value", "a whole number"),
        ({"kind": "fact", "fact": "", "op": "known"}, "$.fact", "1 to 200 characters"),
        ({"kind": "did", "event": "a", "least": 0}, "$.least", "1 to 1000"),
        ({"kind": "did", "event": "a", "within_days": -1}, "$.within_days", "more than 0"),
        ({"kind": "did", "event": "a", "where": [{"property": "x", "op": "known"}] * 11}, "$.where", "at most 10"),
        (
            {"kind": "did", "event": "a", "where": [{"property": "x", "op": "within_days", "value": 1}]},
            "$.where[0].op", "of a property",
        ),
        ({"kind": "place", "zone": "z"}, "$.store", "the store that the zone is in"),
        ({"kind": "place", "within_hours": 1e9}, "$.within_hours", "at most 720"),
        ({"kind": "consent", "purpose": "Every thing"}, "$.purpose", "matching regex"),
        ({"kind": "segment", "segment": 3}, "$.segment", "expected `str`"),
        (deep(11), "$" + ".of" * 10, "at most 10 levels"),
        (deep(100_000), "$" + ".of" * 10, "at most 10 levels"),
        ({"kind": "all", "of": [fact("known")] * MOST_NODES}, f"$.of[{MOST_NODES - 1}]", "at most 200 parts"),
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused_with_where_and_what(raw: object, path: str, words: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse(raw)
    assert caught.value.path == path
    assert words in caught.value.expected


def test_the_deepest_and_the_widest_rules_work() -> None:
    assert holds(deep(10), {}) is True
    assert holds({"kind": "all", "of": [fact("unknown")] * (MOST_NODES - 1)}, {})
