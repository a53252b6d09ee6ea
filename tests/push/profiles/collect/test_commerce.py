"""Commerce events are read by the names of Segment's specification, whatever sellers' systems write into them."""

from typing import Any

import pytest

from push.model.profiles import Identifier, Json, Statement
from push.profiles.collect.commerce import Commerce, Line, act_of, minor, read


def event(name: str, /, **properties: Any) -> Statement:  # noqa: ANN401 - JSON
    return Statement(
        id="stm_1", home=Identifier("user_id", "ann"), kind="track", name=name, properties=properties,
        source="collector:shop", at_ms=17, received_ms=18,
    )  # fmt: skip


def of(name: str, /, **properties: Any) -> Commerce:  # noqa: ANN401 - JSON
    found = read(event(name, **properties))
    assert found is not None
    return found


def test_an_order_has_its_lines_and_what_was_paid() -> None:
    products = [
        {"product_id": 7, "sku": "S-7", "name": "Boot", "category": "Shoes", "brand": "Acme", "price": "89.95"},
        {"product_id": "8", "price": 10, "quantity": 3},
        {"name": "of no id"},
        "no product",
    ]
    found = of("Order Completed", order_id=4711, total=119.95, currency="eur", products=products)
    assert found == Commerce(
        act="ordered",
        order="4711",
        lines=(
            Line(product="7", sku="S-7", name="Boot", category="Shoes", brand="Acme", price_minor=8995),
            Line(product="8", price_minor=1000, quantity=3),
        ),
        total_minor=11995,
        currency="EUR",
        at_ms=17,
    )


def test_without_a_total_an_order_came_to_its_lines() -> None:
    products = [{"sku": "a", "price": 2.5, "quantity": 2}, {"sku": "b"}]
    assert of("Order Completed", products=products).total_minor == 500
    assert of("Order Completed", revenue=3, products=products).total_minor == 300
    assert of("Order Completed", products=[]).total_minor is None


def test_a_product_may_be_the_event_itself() -> None:
    assert of("Product Viewed", product_id="p-7", price=1, currency="JPY").lines == (
        Line(product="p-7", price_minor=1),
    )
    assert of("Cart Viewed").lines == ()


@pytest.mark.parametrize(
    ("name", "act"),
    [
        ("Product Added", "added"),
        ("product_added", "added"),
        (" ORDER REFUNDED ", "refunded"),
        ("Product Added to Wishlist", "wished"),
        ("Products Added", None),
        ("", None),
    ],
)
def test_events_are_known_by_their_names(name: str, act: str | None) -> None:
    assert act_of(name) == act


def test_what_is_no_commerce_is_nothing() -> None:
    assert read(event("Signed Up")) is None


@pytest.mark.parametrize(
    ("value", "currency", "amount"),
    [
        (19.9, "EUR", 1990),
        ("19.90", "EUR", 1990),
        ("1,299.00", "EUR", 129900),
        (0.1 + 0.2, "EUR", 30),
        (500, "JPY", 500),
        ("1.234", "KWD", 1234),
        (-5, "EUR", -500),
        ("12,50", "EUR", None),
        ("free", "EUR", None),
        ("NaN", "EUR", None),
        (float("inf"), "EUR", None),
        (1e30, "EUR", None),
        (True, "EUR", None),
        (None, "EUR", None),
        ([1], "EUR", None),
    ],
)
def test_amounts_are_exact_or_not_there(value: Json, currency: str, amount: int | None) -> None:
    assert minor(value, currency) == amount


@pytest.mark.parametrize(
    ("said", "pieces"), [(3, 3), ("2", 2), (0, 1), (-4, 1), (1e9, 100_000), ("many", 1), (None, 1)]
)
def test_pieces_are_at_least_one(said: Json, pieces: int) -> None:
    assert of("Product Added", sku="a", quantity=said).lines[0].quantity == pieces


@pytest.mark.parametrize("said", ["EURO", "E1R", 7, None, "ÄÖÜ"])
def test_a_currency_that_is_none_is_the_usual_one(said: Json) -> None:
    assert of("Order Completed", total=1, currency=said).currency == "EUR"
