"""Zones of which nothing tells are unknown, with the reason; the others are not."""

from datetime import UTC

from beacons.registry import Gateway, Zone
from push.console.live.ears import dark, ears
from push.model.ports import Row

CAFE = Zone(store="s", id="cafe", name="Café", polygon_m=((0, 0), (4, 0), (4, 4), (0, 4)))
HALL = Zone(store="s", id="hall", name="Hall", polygon_m=((10, 0), (20, 0), (20, 8), (10, 8)))
ATTIC = Zone(store="s", id="attic", name="Attic")
PLACED = [Gateway(id=f"g{n}", store="s", x_m=x, y_m=1.0) for n, x in enumerate((1.0, 12.0, 15.0, 18.0))]
LISTENING = ears([CAFE, HALL, ATTIC], [("g0", "cafe"), ("shelf", None)], PLACED)
NOW_MS = 86_400_000


def states(**of: str) -> dict[str, Row]:
    names = {"g0": "By the door"}
    return {
        id_: {"id": id_, "name": names.get(id_, ""), "state": of.get(id_, "online"), "received_ms": 0}
        for id_ in ("g0", "g1", "g2", "g3")
    }


def test_a_zone_is_told_of_by_what_hangs_in_it_or_by_the_nearest() -> None:
    assert LISTENING == {"cafe": ["g0"], "hall": ["g2", "g1", "g3"], "attic": []}


def test_a_zone_is_unknown_once_all_that_tell_of_it_are_down() -> None:
    found = dark(LISTENING, states(g0="offline", g1="offline", g2="offline"), NOW_MS, UTC)
    assert found.keys() == {"cafe", "attic"}
    assert found["cafe"] == ("unknown since yesterday 00:00", "By the door is offline")
    assert found["attic"] == ("nothing listens here", "no gateway is in this zone or near it")
    both = dark(LISTENING, states(g1="offline", g2="offline", g3="offline"), NOW_MS, UTC)
    assert both["hall"].why == "g2, g1 and g3 are offline"
