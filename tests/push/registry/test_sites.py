"""Stores as presence sees them, out of what is registered."""

import msgspec
import pytest

from beacons.registry import Beacon, Gateway, Store, Zone
from push.model.sites import Anchor, Place, Rules, Site, ZoneRules
from push.model.sources import Source
from push.registry.directory import Directory
from push.registry.layout import Plan, wall_problems
from push.registry.rules import Ruled, StoreRules

SQUARE = ((0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0))
WALL = ((4.0, 0.0), (4.0, 3.0))
CONFIGURED = Rules(leave_after_s=90)
DIRECTORY = Directory(
    stores={"s1": Store(id="s1", name="One"), "s2": Store(id="s2", name="Two")},
    zones={
        ("s1", "door"): Zone(store="s1", id="door", name="Door", polygon_m=SQUARE),
        ("s1", "till"): Zone(store="s1", id="till", name="Till"),
    },
    gateways={
        "g1": Gateway(id="g1", store="s1", zone="door", x_m=1.5),
        "g2": Gateway(id="g2", store="s1", zone="till"),
    },
    fixtures=(
        Beacon(id="f1", role="fixture", format="eid", store="s1", zone="till", y_m=2.5, power_1m_dbm=-65),
        Beacon(id="f2", role="fixture", format="uid", static_id="cd" * 16, store="s2"),
    ),
    sources=(Source(store="s1", id="kitchen", kind="raddec", topic="raddec/#", gateways={"r": "g2"}),),
    plans={"s1": Plan(width_m=8, height_m=6, walls=(WALL,))},
    ruled=Ruled({"s1": StoreRules(enter_dbm=-75)}, {("s1", "till"): ZoneRules(zone_hold_s=4)}),
)


def test_a_site_has_the_floor_what_listens_on_it_and_the_rules_that_hold_there() -> None:
    assert DIRECTORY.sites(CONFIGURED) == {
        "s1": Site(
            store="s1",
            size_m=(8, 6),
            places=(Place("door", SQUARE), Place("till", (), ZoneRules(zone_hold_s=4))),
            walls=(WALL,),
            anchors=(
                Anchor("g1", "s1", "door", at_m=(1.5, 0.0)),
                Anchor("g2", "s1", "till", at_m=None, triggers=False),
                Anchor("f1", "s1", "till", at_m=(0.0, 2.5), is_fixture=True, power_1m_dbm=-65),
            ),
            rules=Rules(leave_after_s=90, enter_dbm=-75),
        ),
        "s2": Site(
            store="s2", anchors=(Anchor("f2", "s2", None, forgeable=True, is_fixture=True),), rules=CONFIGURED
        ),
    }  # fmt: skip
    assert DIRECTORY.sites(CONFIGURED) is DIRECTORY.sites(Rules(leave_after_s=90)), "derived once"
    assert DIRECTORY.sites(Rules())["s2"].rules == Rules()


def test_rules_that_a_new_configuration_sets_against_each_other_are_made_to_hold() -> None:
    """They fitted the configuration under which they were written."""
    ruled = Ruled({"s1": StoreRules(zone_leave=0.5)}, {("s1", "door"): ZoneRules(zone_enter=0.4)})
    site = msgspec.structs.replace(DIRECTORY, ruled=ruled).sites(Rules(zone_enter=0.45))["s1"]
    assert (site.rules.zone_enter, site.rules.zone_leave) == (0.45, 0.45)
    assert site.places[0].rules == ZoneRules(zone_enter=0.4, zone_leave=0.4)


def test_a_store_may_say_of_each_rule_what_the_configuration_may() -> None:
    def bounds(kind: type[msgspec.Struct]) -> dict[str, object]:
        [found] = msgspec.json.schema(kind)["$defs"].values()
        listed = found["properties"].items()
        return {name: each.get("anyOf", [each])[0] | {"default": None} for name, each in listed}

    assert bounds(StoreRules) == bounds(Rules)


@pytest.mark.parametrize(
    ("wall", "said"),
    [
        (((1, 1), (1, 1.05)), "wall 2 is 0.05 m long, at least 0.1 m were expected"),
        (((1, 1), (9, 1)), "wall 2: (9, 1) lies outside the plan of 8 by 6 m"),
        (((float("nan"), 1), (2, 1)), "wall 2"),
    ],
)
def test_what_is_no_wall_is_said(wall: tuple[tuple[float, float], tuple[float, float]], said: str) -> None:
    problems = list(wall_problems(Plan(width_m=8, height_m=6, walls=(WALL, wall))))
    assert any(said in each for each in problems), problems
