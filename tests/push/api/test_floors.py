"""What happened on a floor, over the API: as JSON and as tables, for whoever may know all and whoever may not."""

import csv
import io
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from push.api.floors import FIGURES
from push.floors.asking import HOUR_MS, Period, day, local_date
from tests.support.clocks import RealClock
from tests.support.floors import Shop, Visit, a_day
from tests.support.fresh import open_database
from tests.support.people import Person, hired
from tests.support.servers import STORE, Caller

ZONES = {"door": ((0, 0), (6, 0), (6, 8), (0, 8)), "z1": ((7, 0), (12, 0), (12, 8), (7, 8))}
WHERE = f"/v1/stores/{STORE}"
BERLIN = ZoneInfo("Europe/Berlin")


async def yesterday(server: Caller, visits: int) -> tuple[str, list[Visit]]:
    """A day that is over, with its visits."""
    on = local_date(RealClock().now_ms(), BERLIN) - timedelta(days=1)
    begin_ms = day(on, BERLIN).from_ms
    shop = Shop(STORE, ZONES, (12, 8))
    async with open_database(f"sqlite://{server.folder}/push.db", RealClock()) as db:
        found = await a_day(db, shop, Period(begin_ms + 9 * HOUR_MS, begin_ms + 12 * HOUR_MS), visits)
    return on.isoformat(), found


async def test_figures_as_json_and_as_tables(server: Caller) -> None:
    await server.operate("PUT", f"{WHERE}/zones/door", {"store": STORE, "id": "door", "name": "Door"})
    on, found = await yesterday(server, 60)
    viewer = await hired(server, "vera", "viewer")
    all_ = {name: await server.operate("GET", f"{WHERE}/{name}?day={on}") for name in FIGURES}
    few = {name: (await _get(server, viewer, f"{WHERE}/{name}?day={on}")) for name in FIGURES}
    assert all_["returning"]["whole"]["visits"] == len(found)
    assert few["returning"]["whole"]["visits"] == 60
    assert {visit.stays[0].zone for visit in found} == {share["zone"] for share in all_["flows"]["first"]}
    assert sum(all_["heat"]["visits"]) > 60
    assert all_["counts"]["zones"].keys() == {"door", "z1"}
    assert sum(people > 0 for people in all_["timelapse"]["people"]) > 10
    assert {name for name, value in few.items() if _small(value)} == set()
    assert {name for name, value in all_.items() if _small(value)} >= {"occupancy", "heat"}

    for name in FIGURES:
        answer = await server.call("GET", f"{WHERE}/figures.csv?figure={name}&day={on}", server.operator)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/csv"), answer
        lines = list(csv.DictReader(io.StringIO(answer.raw.decode("utf-8-sig"))))
        assert lines, name
        assert all(None not in line and None not in line.values() for line in lines), name
    masked = (
        await server.call("GET", f"{WHERE}/figures.csv?figure=dwell&day={on}&every=hour", headers=viewer.headers)
    ).raw
    assert b",,,,,\r\n" in masked, "hours without anybody are empty, not nought"


def _small(value: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether a number of people or visits from nought to four stands anywhere in it."""
    if isinstance(value, list):
        return any(map(_small, value))
    if not isinstance(value, dict):
        return False
    counted = {"people", "most", "visits", "stays", "new", "returning", "entered"}
    for name, one in value.items():
        numbers = one if isinstance(one, list) else [one]
        if name in counted and any(isinstance(n, int) and n < 5 for n in numbers):
            return True
        if _small(one):
            return True
    return False


async def test_visits_are_for_who_may_see_people(server: Caller) -> None:
    on, found = await yesterday(server, 12)
    emma, vera = await hired(server, "emma", "editor"), await hired(server, "vera", "viewer")
    page = await _get(server, emma, f"{WHERE}/visits?day={on}&limit=5")
    rest = await _get(server, emma, f"{WHERE}/visits?day={on}&limit=500&after={page['after']}")
    assert [one["id"] for one in page["items"] + rest["items"]] == [visit.id for visit in reversed(found)]
    path = await _get(server, emma, f"{WHERE}/visits/{found[0].id}")
    assert [stay["zone"] for stay in path["stays"]] == [stay.zone for stay in found[0].stays]
    table = await server.call("GET", f"{WHERE}/visits.csv?day={on}", headers=emma.headers)
    assert table.raw.count(b"\r\n") == 1 + len(found)
    trail = await server.operate("GET", "/v1/audit?action=export visits")
    assert [(entry["actor"], entry["subject"]) for entry in trail["items"]] == [("operator:emma", f"store {STORE}")]
    for leaf in ("visits", f"visits/{found[0].id}", "visits.csv"):
        assert (await server.call("GET", f"{WHERE}/{leaf}", headers=vera.headers)).status == 403

    for query in (
        "day=2026-02-30", "day=1969-12-31", "day=9999-12-31", "from_ms=1", "from_ms=2&to_ms=2",
        f"day={on}&from_ms=1&to_ms=2",
        "from_ms=0&to_ms=250000000000000", "every=minute&from_ms=0&to_ms=172800000",
    ):  # fmt: skip
        answer = await server.call("GET", f"{WHERE}/occupancy?{query}", server.operator)
        assert (answer.status, len(answer.json["detail"]) > 20) == (400, True), query
    assert (await server.call("GET", f"{WHERE}/figures.csv?figure=dwell&every=minute", server.operator)).status == 400
    assert (await server.call("GET", f"{WHERE}/visits?after=nonsense", server.operator)).status == 400


async def _get(server: Caller, who: Person, path: str) -> Any:  # noqa: ANN401 - JSON
    answer = await server.call("GET", path, headers=who.headers)
    assert answer.status == 200, answer
    return answer.json
