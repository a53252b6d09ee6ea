"""What somebody did comes to the same in any order, however it is spread over facets, and never grows beyond bounds."""

from functools import reduce
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from push.model.profiles import Json, Statement
from push.profiles.catalogue.view import Catalogue
from push.profiles.derived import features as kept
from push.profiles.derived.features import NOTHING, Features, Held, Sum
from push.profiles.derived.reading import Goods, NoGoods, fold
from tests.support.purchases import event

GOODS = NoGoods()
DAY_MS = 86_400_000
T0_MS = 1_700_000_000_000
KINDS = [
    "Order Completed", "Order Updated", "Order Refunded", "Order Cancelled", "Product Viewed", "Product Added",
    "Product Removed", "Product Added to Wishlist", "Product Removed from Wishlist", "Smiled",
]  # fmt: skip


def did(name: str, day: int = 0, number: int = 0, /, **said: Json) -> Statement:
    return event(name, T0_MS + day * DAY_MS, f"{name}-{day}-{number}", said=said)


def folded(*statements: Statement) -> Features:
    return fold(NOTHING, statements, GOODS)


def bits(features: Features) -> bytes:
    return msgspec.msgpack.encode(features)


products = st.fixed_dictionaries(
    {"product_id": st.sampled_from(["p1", "p2", "p3"])},
    optional={
        "category": st.sampled_from(["Books", "Books/Poems", "Toys"]),
        "brand": st.sampled_from(["Ada", "Bel"]),
        "price": st.sampled_from([1, 9.99, "19.90"]),
        "quantity": st.integers(1, 3),
    },
)
statements = st.lists(
    st.builds(
        lambda name, day, number, order, total, lines: did(
            name, day, number, products=lines, **({} if order is None else {"order_id": order}), **total
        ),
        st.sampled_from(KINDS),
        st.integers(0, 400),
        st.integers(0, 3),
        st.none() | st.sampled_from(["o1", "o2", "o3"]),
        st.fixed_dictionaries({}, optional={"total": st.integers(1, 50), "currency": st.sampled_from(["EUR", "JPY"])}),
        st.lists(products, min_size=1, max_size=2),
    ),
    max_size=20,
    unique_by=lambda one: one.id,
)


@settings(max_examples=60, deadline=None)
@given(statements, st.randoms(use_true_random=False))
def test_any_order_and_any_portions_make_the_same_bits(whole: list[Statement], random: Random) -> None:
    straight = fold(NOTHING, whole, GOODS)
    other = [*whole]
    random.shuffle(other)
    one_by_one = reduce(lambda so_far, one: fold(so_far, [one, one], GOODS), other, NOTHING)
    assert bits(one_by_one) == bits(straight)
    assert msgspec.msgpack.decode(bits(straight), type=Features) == straight


@settings(max_examples=60, deadline=None)
@given(statements, statements, statements)
def test_facets_join_in_any_grouping(a: list[Statement], b: list[Statement], c: list[Statement]) -> None:
    one, two, three = (
        fold(NOTHING, [msgspec.structs.replace(each, id=f"{part}{each.id}") for each in whole], GOODS)
        for part, whole in zip("abc", (a, b, c), strict=True)
    )
    whole = bits(kept.join([one, two, three]))
    assert whole == bits(kept.join([three, kept.join([two, one])])) == bits(kept.join([kept.join([one, three]), two]))


@pytest.mark.parametrize("seed", range(3))
def test_what_is_too_much_is_the_same_in_any_order_and_stays_small(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - no secret
    flood = [
        did(
            random.choice([*KINDS, f"{random.random()} is what happened"]),
            random.randrange(800),
            number,
            order_id=f"o{number}",
            total=random.randrange(10**7),
            currency=random.choice(["EUR", "USD"]),
            products=[
                {
                    "product_id": f"{random.random():<60}",
                    "brand": f"{random.random()}",
                    "category": f"c{random.random()}",
                }
                for _ in range(3)
            ],
        )
        for number in range(300)
    ]
    straight = fold(NOTHING, flood, GOODS)
    random.shuffle(flood)
    halves = [fold(NOTHING, flood[:150], GOODS), fold(NOTHING, flood[150:], GOODS)]
    assert bits(kept.join(halves)) == bits(straight)
    assert len(bits(straight)) <= 16_384
    ordered = [one for one in flood if one.name in {"Order Completed", "Order Updated"}]
    assert len(straight.orders) + sum(past.orders for past in straight.past.values()) == len(ordered)


def test_an_order_that_two_systems_tell_of_counts_once() -> None:
    till = did("Order Completed", 1, order_id="o1", total=20)
    web = msgspec.structs.replace(did("Order Completed", 2, order_id="o1", total=25), source="web")
    assert [(order.minor, order.first_s * 1000 - T0_MS) for order in folded(web, till).orders.values()] == [
        (2500, DAY_MS)
    ]


def test_older_orders_are_summed_up() -> None:
    many = [did("Order Completed", day, order_id=f"o{day}", total=1) for day in range(100)]
    found = folded(*many)
    assert len(found.orders) == 64
    assert found.past == {"EUR": Sum(36, 3600, 36)} or found.past == {"EUR": Sum(36, 3600, 0)}
    assert found.past_first_s == T0_MS // 1000


def test_an_order_empties_the_basket_of_what_was_put_in_before() -> None:
    put = [did("Product Added", 1, product_id="p1"), did("Product Added", 3, product_id="p2", quantity=2)]
    bought = did("Order Completed", 2, order_id="o1", total=5)
    gone = did("Product Removed", 4, product_id="p2")
    at_s = T0_MS // 1000 + 3 * 86_400
    assert folded(*put, bought).basket == {"p2": Held(at_s, 2)}
    assert folded(gone, *put, bought).basket == {"p2": Held(at_s + 86_400, 0)}
    assert set(folded(*put).basket) == {"p1", "p2"}


def test_taste_follows_the_catalogue_and_nothing_follows_from_sensitive_goods() -> None:
    goods: Goods = Catalogue(["Pharmacy"])
    lines: list[object] = [
        {"product_id": "p1", "category": "Pharmacy/Tests", "brand": "Secret"},
        {"product_id": "p2", "category": "Toys", "brand": "Ada"},
    ]
    said: dict[str, Json] = {"order_id": "o1", "total": 7, "products": lines}
    told = [did("Order Completed", **said), did("Product Added", product_id="p1", category="pharmacy")]
    found = fold(NOTHING, told, goods)
    assert found.categories == {"Toys": {T0_MS // 1000 // kept.PERIOD_S: 10}}
    assert set(found.brands) == {"Ada"}
    assert found.basket == {}
    assert b"ecret" not in bits(found)
    assert [order.minor for order in found.orders.values()] == [700]


def test_only_what_was_tracked_counts() -> None:
    page = msgspec.structs.replace(did("Order Completed", order_id="o1"), kind="page")
    assert folded(page) == NOTHING
    assert folded(did("Smiled", 3)).last == {"Smiled": T0_MS // 1000 + 3 * 86_400}
