"""Goods that are marked sensitive leave no word in what rules may read of events."""

import pytest

from push.model.profiles import Json
from push.profiles.catalogue.view import Catalogue
from push.profiles.happened import harmless
from push.profiles.view import FACTS, known

GOODS = Catalogue(("Health > Intimate", "Tobacco"))
TEA: dict[str, Json] = {"product_id": "1", "category": "Tea", "brand": "Acme"}
PIPE: dict[str, Json] = {"product_id": "2", "category": "Tobacco", "brand": "Umbrella"}


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (TEA, TEA),
        (PIPE, {}),
        ({"category": "Health > Intimate > Care", "price": 3}, {}),
        ({"total": 5, "products": [TEA, PIPE, "odd"]}, {"total": 5, "products": [TEA, "odd"]}),
        ({"total": 5, "products": "odd"}, {"total": 5, "products": "odd"}),
        ({"sku": True, "category": 4}, {"sku": True, "category": 4}),
    ],
)
def test_sensitive_goods_are_taken_out(said: dict[str, Json], left: dict[str, Json]) -> None:
    assert harmless(said, GOODS) == left


def test_names_of_facts_are_known_or_not() -> None:
    names = [name for name in FACTS if not name.endswith("*")]
    assert all(known(name) == FACTS[name] for name in names)
    assert known("traits.city") == FACTS["traits.*"]
    assert known("consent.marketing") == FACTS["consent.*"]
    unknown = ("traits.*", "traits.", "figures.luck", "", "traits")
    assert [known(name) for name in unknown] == [None] * len(unknown)
