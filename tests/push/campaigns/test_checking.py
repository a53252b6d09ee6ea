"""What is found in campaigns before they speak: what cannot work is a fault, what is odd a warning, by its field."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import pytest

from beacons.registry import Store, Zone
from push.campaigns.checking import check
from push.campaigns.known import Known, Standing
from push.campaigns.recipes import RECIPES
from push.model.campaigns import Campaign
from push.model.decisions import Policy
from push.model.sites import Rules
from push.profiles.catalogue.product import Kept, Product
from push.profiles.catalogue.view import Catalogue
from push.profiles.purposes.book import Purposes
from push.registry.directory import Directory
from tests.support.campaigns import NOW_MS
from tests.support.segmented import fact

DIRECTORY = Directory(
    stores={"s1": Store(id="s1", name="One"), "s2": Store(id="s2", name="Two")},
    zones={("s1", "shoes"): Zone(store="s1", id="shoes", name="Shoes")},
)
DAY_MS = 86_400_000


def kept(name: str, price: int, lowest: int | None, *, sensitive: bool = False) -> Kept:
    product = Product(id=name, name=name, price_minor=price, currency="EUR", sensitive=sensitive)
    return Kept(
        product=product, price_from_ms=0, lowest_minor=lowest, stock={}, revision=1, changed_by="", changed_ms=0
    )


GOODS = {each.product.id: each for each in (kept("boot", 8000, 10_000), kept("new", 8000, None))}
STANDING = Standing(DIRECTORY, Rules(), Purposes(), Policy(), Catalogue(("Intimate",)))
KNOWN = Known(STANDING, {"regulars": frozenset({"traits.health_score"})}, GOODS, ())


def of(others: Mapping[str, Any] | None = None, **said: Any) -> Campaign:  # noqa: ANN401 - JSON
    """A campaign that greets in every store, with other fields."""
    plain = {"id": "c", "name": "C", "trigger": {"kind": "store_entered"}, "template": {"title": "Hello"}}
    return msgspec.convert({**plain, **said, **(others or {})}, Campaign)


def faults(campaign: Campaign, known: Known = KNOWN) -> dict[str, str]:
    return {one.field: one.text for one in check(campaign, known, NOW_MS).faults}


def warnings(campaign: Campaign, others: Iterable[Campaign] = ()) -> dict[str, str]:
    return {one.field: one.text for one in check(campaign, KNOWN._replace(others=tuple(others)), NOW_MS).warnings}


def slot(*options: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"name": "reward", "options": list(options)}]


def reward(text: str) -> list[dict[str, Any]]:
    return slot({"id": "a", "text": text, "product": "boot"})


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda one: str(one.id))
def test_recipes_begin_without_a_fault(recipe: Any) -> None:  # noqa: ANN401 - a recipe
    assert faults(recipe.campaign) == {}


@pytest.mark.parametrize(
    ("said", "field", "text"),
    [
        ({"trigger": {"kind": "zone_entered", "zones": ["attic"]}}, "trigger.zones", "no zone attic in any store"),
        ({"trigger": {"kind": "zone_entered", "stores": ["s2"], "zones": ["shoes"]}}, "trigger.zones", "these stores"),
        ({"trigger": {"kind": "store_entered", "stores": ["s9"]}}, "trigger.stores", "no store s9"),
        ({"trigger": {"kind": "approached", "fixtures": ["f9"]}}, "trigger.fixtures", "no beacon f9"),
        ({"trigger": {"kind": "dwelled", "zones": ["shoes"], "mark_s": 77}}, "trigger.mark_s", "30, 120, 300 seconds"),
        ({"trigger": {"kind": "segment_entered", "segment": "gone"}}, "trigger.segment", "no segment gone"),
        ({"trigger": {"kind": "event"}}, "trigger.event", "the event that it answers"),
        ({"trigger": {"kind": "event", "event": "A", "where": [{"property": "a", "op": "like"}]}},
         "trigger.where[0].op", ""),
        ({"trigger": {"kind": "silent"}}, "trigger.days", "how many days"),
        ({"audience": {"kind": "segment", "segment": "gone"}}, "audience", "no segment gone"),
        ({"audience": fact("traits.age", "nonsense", 1)}, "audience", "rule"),
        ({"audience": fact("moods.today", "is", "good")}, "audience", "no fact"),
        ({"needs": ["telepathy"]}, "needs", "no purpose 'telepathy'"),
        ({"pick": {"among": "list", "of": ["gone"]}}, "products", "no product gone"),
        ({"pick": {"among": "category", "of": ["Intimate"]}}, "pick.of", "is sensitive"),
        ({"caps": [{"of": "tag", "tag": "sale", "most": 1}]}, "caps[0].tag", "does not carry the tag sale"),
        ({"template": {"title": "{{ store.name "}}, "template.title", ""),
        ({"template": {"title": "Hi", "body": "{{ slots.gift }}"}}, "template.body", "slot gift"),
        ({"template": {"title": "Code {{ coupon.code }}"}}, "template.title", "no pool of coupons"),
        ({"template": {"title": "{{ product.name }}"}}, "template.title", "nothing says which"),
        ({"steps": [{"after_s": 60, "template": {"title": "{% oops %}"}}]}, "steps[0].template.title", ""),
        ({"slots": slot({"id": "a", "text": "{{ oops "})}, "slots.reward.a.text", ""),
        ({"slots": slot({"id": "a"}, {"id": "a"})}, "slots.reward.a", "another option"),
        ({"schedule": {"until_ms": NOW_MS - 1}}, "schedule.until_ms", "has passed"),
        ({"schedule": {"from_ms": NOW_MS + 9, "until_ms": NOW_MS + 5}}, "schedule.until_ms", "before it begins"),
        ({"schedule": {"until_ms": NOW_MS + 1, "weekdays": [5]}}, "schedule.weekdays", "none of Saturdays"),
        ({"schedule": {"holidays": "only"}}, "schedule.holidays", "public holidays"),
        ({"trigger": {"kind": "birthday", "at": "23:00"}}, "trigger.at", "quiet hours"),
        ({"trigger": {"kind": "birthday"}, "schedule": {"dayparts": [["12:00", "13:00"]]}}, "trigger.at", "none of"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_said_by_its_field(said: dict[str, Any], field: str, text: str) -> None:
    found = faults(of(said))
    assert list(found) == [field]
    assert text in found[field]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"template": {"title": "20 % off everything"}}, "of which product"),
        ({"template": {"title": "Save 30 %"}, "pick": {"among": "list", "of": ["boot"]}}, "bears 20 %"),
        ({"template": {"title": "-10 %"}, "pick": {"among": "list", "of": ["new"]}}, "no dearer"),
        ({"template": {"title": "{{ slots.reward }} off"}, "slots": reward("30 %")},
         "30 % off, and of boot"),
        ({"template": {"title": "{{ 20 | plus: 20 }} % off"}, "about": {"products": ["boot"]}}, "says a reduction"),
    ],
)  # fmt: skip
def test_no_reduction_is_said_that_no_price_bears(said: dict[str, Any], text: str) -> None:
    assert text in faults(of(said))["template.title"]


@pytest.mark.parametrize(
    "said",
    [
        {"template": {"title": "20 % off"}, "pick": {"among": "list", "of": ["boot"]}},
        {"template": {"title": "{{ slots.reward }} off"}, "slots": reward("20 %")},
        {"template": {"title": "{{ product.off }} % off"}, "pick": {"among": "likes"}},
        {"template": {"title": "20 % off with {{ coupon.code }}"}, "coupon": "pool"},
        {"template": {"title": "100 % cotton"}},
    ],
)  # fmt: skip
def test_a_reduction_that_is_borne_may_be_said(said: dict[str, Any]) -> None:
    assert faults(of(said)) == {}


def test_what_is_odd_is_said_and_stops_nothing() -> None:
    named = {"title": "Hi {{ shopper.first_name | default: 'you' }}"}
    assert "only personal thing" in warnings(of({"template": named}))["template"]
    assert warnings(of({"template": named, "audience": fact("traits.city", "is", "Bonn")})) == {}
    assert "health_score" in warnings(of({"audience": {"kind": "segment", "segment": "regulars"}}))["audience"]
    assert "slots.reward" in warnings(of({"slots": slot({"id": "a", "text": "x"})}))
    assert "know as shoper" in warnings(of({"template": {"title": "Hi {{ shoper.name }}"}}))["template.title"]


def test_who_always_goes_before_is_named() -> None:
    louder = of(id="louder", priority=5)
    here = of({"trigger": {"kind": "store_entered", "stores": ["s1"]}})
    assert "louder always goes before it" in warnings(here, [louder])["priority"]
    assert "goes before louder at the same places" in warnings(of(id="loudest", priority=9), [louder])["priority"]
    seldom = msgspec.structs.replace(louder, holdout=0.1)
    for other in (seldom, of(id="louder", priority=5, trigger={"kind": "left"})):
        assert warnings(here, [other]) == {}
