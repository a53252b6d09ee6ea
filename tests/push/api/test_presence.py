"""By which rules people come and go, over real HTTP: what a store says, a zone over it, and what then holds."""

from push.model.sites import Rules
from tests.support.servers import STORE, Answer, Caller

RULES = f"/v1/stores/{STORE}/presence"
ZONE = f"/v1/stores/{STORE}/zones/z1/presence"
SHARED = ("zone_enter", "zone_leave", "zone_hold_s", "dwell_marks_s")


async def put(server: Caller, path: str, body: object, **headers: str) -> Answer:
    return await server.call("PUT", path, server.operator, body, headers=headers)


async def test_a_store_says_some_rules_a_zone_others_and_the_rest_is_inherited(server: Caller) -> None:
    """What the whole registry says is what is in force."""
    bare = await server.call("GET", RULES, server.operator)
    default = bare.json["effective"]
    assert (tuple(default), bare.json["revision"], bare.headers["ETag"]) == (Rules.__struct_fields__, 0, '"0"')
    stored = await server.operate("PUT", RULES, {"enter_dbm": -70, "zone_enter": 0.8})
    assert stored["effective"] == default | {"enter_dbm": -70, "zone_enter": 0.8}
    assert {name: value for name, value in stored["rules"].items() if value is not None} == {
        "enter_dbm": -70,
        "zone_enter": 0.8,
    }
    zone = await server.operate("PUT", ZONE, {"dwell_marks_s": [10]})
    assert zone["effective"] == {name: stored["effective"][name] for name in SHARED} | {"dwell_marks_s": [10]}
    held = await server.operate("GET", "/v1/registry")
    assert [(one["store"], one["rules"]) for one in held["presence"]] == [(STORE, stored["rules"])]
    assert [(one["zone"], one["rules"]["dwell_marks_s"]) for one in held["zone_presence"]] == [("z1", [10])]
    for path in (RULES, ZONE):
        assert (await server.call("DELETE", path, server.operator)).status == 204
    assert (await server.operate("GET", "/v1/registry"))["presence"] == []
    assert (await server.operate("GET", RULES))["effective"] == default
    await server.operate("PUT", "/v1/registry", {part: held[part] for part in ("presence", "zone_presence")})
    assert (await server.operate("GET", ZONE))["effective"] == zone["effective"]
    told = await server.operate("GET", f"/v1/audit?subject=presence%20rules%20of%20store%20{STORE}&limit=1")
    assert (told["items"][0]["action"], told["items"][0]["after"]["enter_dbm"]) == ("put presence rules", -70)


async def test_rules_that_cannot_hold_together_are_refused_with_why(server: Caller) -> None:
    await server.operate("PUT", ZONE, {"zone_enter": 0.4})
    for path, body, said in (
        (RULES, {"zone_leave": 0.7}, "zone_leave (0.7) is above zone_enter (0.55): whoever has just entered a zone"),
        (RULES, {"zone_leave": 0.5}, "zone z1: zone_leave (0.5) is above zone_enter (0.4)"),
        (ZONE, {"zone_enter": 0.2}, "zone_leave (0.3) is above zone_enter (0.2)"),
        (ZONE, {"dwell_marks_s": [30, 30]}, "each after the one before"),
        (ZONE, {"enter_dbm": -70}, "enter_dbm"),
        (RULES, {"leave_after_s": 1}, "leave_after_s"),
    ):
        told = await put(server, path, body)
        assert (told.status, said in told.json["detail"]) == (400, True), told.json
    assert (await server.operate("GET", RULES))["revision"] == 0


async def test_rules_are_not_written_over_what_somebody_else_changed(server: Caller) -> None:
    first = await put(server, RULES, {"stale_s": 20}, **{"If-Match": '"0"'})
    assert (first.status, first.headers["ETag"]) == (200, '"1"')
    late = await put(server, RULES, {"stale_s": 40}, **{"If-None-Match": "*"})
    assert (late.status, late.headers["ETag"]) == (412, '"1"')
    assert (await put(server, RULES, {"stale_s": 20})).headers["ETag"] == '"1"', "nothing changed"
    await server.operate("PUT", ZONE, {"zone_hold_s": 3})
    bare = {"store": STORE, "id": "z2", "name": "Till"}
    await server.operate("PUT", f"/v1/stores/{STORE}/zones/z2", bare)
    await server.operate("PUT", ZONE.replace("z1", "z2"), {"zone_hold_s": 3})
    await server.call("DELETE", f"/v1/stores/{STORE}/zones/z2", server.operator)
    await server.operate("PUT", f"/v1/stores/{STORE}/zones/z2", bare)
    assert (await server.operate("GET", ZONE.replace("z1", "z2")))["revision"] == 0, "it is another zone"
    await server.operate("PUT", "/v1/stores/s9", {"id": "s9", "name": "Bare"})
    await server.operate("PUT", "/v1/stores/s9/presence", {"stale_s": 20})
    assert (await server.call("DELETE", "/v1/stores/s9", server.operator)).status == 204, "rules are in nobody's way"
