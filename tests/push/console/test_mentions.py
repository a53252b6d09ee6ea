"""What campaigns name is deleted knowingly: whoever deletes it is told which, and none says more than it was to."""

from pathlib import Path
from typing import Any

from tests.support.desk import Desk
from tests.support.people import first_admin
from tests.support.servers import Caller, serving, settings

ZONE = "/v1/stores/s1/zones/shoes"
SEGMENT = "/v1/segments/staff"
NOT_STAFF = {"kind": "not", "of": {"kind": "segment", "segment": "staff"}}
REGISTRY: dict[str, object] = {
    "stores": [{"id": "s1", "name": "Altona"}, {"id": "s2", "name": "Berlin"}],
    "zones": [{"store": "s1", "id": "shoes", "name": "Shoes"}],
}


def campaign(name: str, audience: object = None, **trigger: object) -> dict[str, Any]:
    told = {"kind": "store_entered", **trigger}
    return {"id": name, "name": name.title(), "trigger": told, "template": {"title": "Hi"}, "audience": audience}


async def missing(server: Caller) -> dict[str, list[str]]:
    listed = (await server.operate("GET", "/v1/campaigns?look=true"))["items"]
    return {one["id"]: [each["text"] for each in one["missing"]] for one in listed if one["missing"]}


async def test_who_deletes_what_live_campaigns_name_is_told_which_and_says_so_once_more(tmp_path: Path) -> None:
    async with serving(settings(tmp_path / "data")) as server:
        await server.operate("PUT", "/v1/registry", REGISTRY)
        await server.operate("PUT", SEGMENT, {"name": "Staff", "rule": {"kind": "all", "of": []}})
        await server.operate("PUT", "/v1/campaigns/walk", campaign("walk", kind="zone_entered", zones=["shoes"]))
        was_there = {"kind": "place", "store": "s2", "within_hours": 24}
        await server.operate("PUT", "/v1/campaigns/back", campaign("back", {"kind": "all", "of": [was_there]}))
        await server.operate("PUT", "/v1/campaigns/guests", campaign("guests", NOT_STAFF))
        for path, told in ((ZONE, "Walk (walk)"), (SEGMENT, "Guests (guests)"), ("/v1/stores/s2", "Back (back)")):
            refused = await server.call("DELETE", path, server.operator)
            assert (refused.status, f"live campaigns name it: {told};" in refused.json["detail"]) == (409, True)
        assert await missing(server) == {}

        desk = Desk(server, await first_admin(server))
        shop, staff = "/console/stores/s1", "/console/segments/staff"
        for page, fields in ((shop, {"do": "drop-zone", "zone": "shoes"}), (staff, {"do": "delete"})):
            status, text = await desk.send(page, **fields)
            assert (status, "Campaigns speak of it" in text, "Live campaigns name it" in text) == (409, True, True)
            assert (await desk.send(page, **fields, although="named"))[0] == 303
        assert (await server.call("DELETE", "/v1/stores/s2?although_named=true", server.operator)).status == 204

        assert await missing(server) == {
            "walk": ["there is no zone shoes in any store (any more)"],
            "guests": ["there is no segment staff (any more)"],
            "back": ["there is no store s2 (any more)"],
        }
        assert (await server.operate("GET", "/v1/campaigns/guests"))["state"] == "paused", (
            "else it spoke to staff as well"
        )
        again = await server.call("POST", "/v1/campaigns/guests/resume", server.operator)
        assert (again.status, "there is no segment staff any more" in again.json["detail"]) == (409, True)
        assert (await desk.look("/console/campaigns")).count("to mend") == 3
