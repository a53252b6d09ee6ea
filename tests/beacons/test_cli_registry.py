"""Stores, zones, gateways and beacons from a terminal: what people see, what scripts read, and who was faster."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.people import Person, first_admin
from tests.support.servers import Caller, serving, settings
from tests.support.terminal import PASSWORD, Ended, Terminal

pytestmark = pytest.mark.system
UUID = "f7826da6-4fa2-4e98-8024-bc5b71e0893e"
AT_ONCE = 4
KEY = "7cfa428f13e91d687e89122c44922183"


WRONG = [
    (("stores", "put", "b"), 2, "There is no store b so far: a new one needs --name."),
    (("stores", "put", "b", "--name", "B", "--time-zone", "Mars/X"), 3, "expected one like Europe/Berlin"),
    (("stores", "put", "no id", "--name", "B"), 3, "an id of [A-Za-z0-9_-] was expected"),
    (("stores", "put", "../../v1/tokens", "--name", "B"), 3, "an id of [A-Za-z0-9_-] was expected"),
    (("stores", "show", "berlin"), 3, "There is no store berlin.\nNext: footfall-beacons stores list"),
    (("zones", "list", "berlin"), 3, "There is no store berlin."),
    (("zones", "put", "hamburg", "z", "--name", "Z", "--area", "1,2"), 2, "'1,2': expected X,Y,X,Y, in metres."),
    (("zones", "put", "hamburg", "z", "--name", "Z", "--area", "1,1,4,4"), 3, "shares 100 % with zone door"),
    (("zones", "put", "hamburg", "z", "--name", "Z", "--polygon", "0,9 9,0 0,0 9,9"), 3, "does not meet itself"),
    (("gateways", "put", "berlin", "g2"), 3, "there is no store 'berlin'"),
    (("gateways", "code", "hamburg", "g9"), 3, "There is no gateway g9"),
    (("stores", "delete", "hamburg"), 2, "Nobody is there to answer.\nNext: say --yes."),
    (("stores", "delete", "hamburg", "--yes"), 3, "gateway g1 must be moved or deleted first"),
    (("register", "b1", "--role", "tag"), 2, "There is no beacon b1 so far: a new one needs --format."),
    (("register", "b1", "--role", "tag", "--format", "uid", "--static-id", "00:11"), 2, "expected 32 hex digits."),
    (("register", "b1", "--role", "tag", "--format", "eid", "--static-id", "00"), 2, "it has a --key-file."),
    (("register", "b1", "--role", "tag", "--format", "eid"), 3, "needs its identity_key, 32 hex digits"),
    (("register", "b1", "--role", "fixture", "--format", "ibeacon", "--uuid", UUID), 2, "come together"),
    (("register", "b1", "--role", "fixture", "--format", "ibeacon", "--static-id", "ab" * 20), 3, "needs a store"),
    (("register", "b1", "--file", "nowhere.json"), 2, "nowhere.json: No such file or directory."),
    (("show", "b1"), 3, "There is no beacon b1.\nNext: footfall-beacons list"),
    (("list", "--sort", "colour"), 2, "'colour' is not one of"),
    (("list", "--store", "a b"), 3, "`store` in the query"),
]
"""What is typed, the exit status, and what is said."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Caller]:
    async with serving(settings(tmp_path / "data")) as caller:
        yield caller


@pytest.fixture
async def ann(server: Caller) -> Person:
    return await first_admin(server)


@pytest.fixture
async def terminal(server: Caller, ann: Person, tmp_path: Path) -> Terminal:
    found = Terminal(tmp_path / "home")
    password = found.write("password", PASSWORD)
    ended = await found.run("login", server.running.http_url, "--login", ann.login, "--password-file", password)
    assert ended.code == 0, ended
    return found


async def hamburg(server: Caller) -> None:
    """A store with two zones and a gateway."""
    await server.operate(
        "PUT",
        "/v1/registry",
        {
            "stores": [{"id": "hamburg", "name": "Hamburg", "time_zone": "Asia/Tokyo"}],
            "zones": [
                {"store": "hamburg", "id": "door", "name": "Door", "polygon_m": [[0, 0], [4, 0], [4, 4], [0, 4]]},
                {"store": "hamburg", "id": "shelf", "name": "Shelf"},
            ],
            "gateways": [{"gateway": {"id": "g1", "store": "hamburg", "zone": "door"}}],
        },
    )


async def built(terminal: Terminal) -> None:
    """The same, as she types it."""
    for args in (
        ("stores", "put", "hamburg", "--name", "Hamburg", "--time-zone", "Asia/Tokyo"),
        ("zones", "put", "hamburg", "door", "--name", "Door", "--area", "0,0,4,4"),
        ("zones", "put", "hamburg", "shelf", "--name", "Shelf", "--polygon", "5,0 9,0 9,4"),
        ("gateways", "put", "hamburg", "g1", "--zone", "door", "--x", "1", "--y", "2"),
    ):
        ended = await terminal.run(*args)
        assert ended.code == 0, ended


def fits(ended: Ended) -> bool:
    """Whether it is for people, on a terminal of 80 columns that is none: no colour, no escape."""
    return "\x1b" not in ended.out and max(map(len, ended.out.splitlines())) <= 80


async def test_a_store_is_built_from_nothing_shown_and_remembered(terminal: Terminal) -> None:
    empty = await terminal.run("stores", "list")
    assert empty.out == "There is no store so far. Next: footfall-beacons stores put ID --name NAME\n"
    await built(terminal)
    stores, zones, gateways, zone, shown, trail = await asyncio.gather(
        terminal.run("stores", "list"),
        terminal.run("zones", "list", "hamburg"),
        terminal.run("gateways", "list"),
        terminal.run("zones", "show", "hamburg", "shelf", "--json"),
        terminal.run("stores", "show", "hamburg"),
        terminal.run("audit", "--store", "hamburg", "--days", "1"),
    )
    assert "hamburg   Hamburg   Asia/Tokyo" in stores.out
    assert "0,0 4,0 4,4 0,4" in zones.out
    assert "g1        hamburg   door" in gateways.out
    assert " JST by operator:ann" in shown.out
    assert [line.split()[3:] for line in trail.out.splitlines()[2:]] == [
        ["operator:ann", "put", "gateway", "gateway", "g1"],
        ["operator:ann", "put", "zone", "zone", "shelf"],
        ["operator:ann", "put", "zone", "zone", "door"],
        ["operator:ann", "put", "store", "store", "hamburg"],
    ]
    assert all(map(fits, (stores, zones, gateways, shown, trail)))
    assert zone.json["zone"]["polygon_m"] == [[5, 0], [9, 0], [9, 4]]
    [entry] = (await terminal.run("audit", "--subject", "store hamburg", "--json")).json["items"]
    assert (entry["before"], entry["after"]["name"]) == (None, "Hamburg")


async def test_options_change_what_they_name_and_leave_the_rest(server: Caller, terminal: Terminal) -> None:
    await hamburg(server)
    ended = await terminal.run("stores", "put", "hamburg", "--address", "Jungfernstieg 1", "--label", "north", "--json")
    assert ended.json["counts"] == {"stores": 1}
    store = (await terminal.run("stores", "show", "hamburg", "--json")).json["store"]
    assert (store["name"], store["time_zone"]) == ("Hamburg", "Asia/Tokyo")
    assert (store["address"], store["labels"]) == ("Jungfernstieg 1", ["north"])


async def test_of_two_who_edit_one_store_the_second_is_told_and_overwrites_nothing(
    server: Caller, terminal: Terminal, ann: Person
) -> None:
    await hamburg(server)
    seen = await terminal.run("stores", "show", "hamburg", "--json")
    file = terminal.write("store.json", json.dumps({**seen.json, "store": {**seen.json["store"], "name": "Mine"}}))
    faster = {**seen.json["store"], "name": "Hers"}
    assert (await server.call("PUT", "/v1/stores/hamburg", body=faster, headers=ann.headers)).status == 200
    ended = await terminal.run("stores", "put", "hamburg", "--file", file)
    assert (ended.code, ended.out) == (3, "")
    assert "operator:ann changed store hamburg meanwhile, at " in ended.err
    assert " JST: it has revision 2 now." in ended.err
    assert "Nothing was written. Next: footfall-beacons stores show hamburg" in ended.err
    assert (await terminal.run("stores", "show", "hamburg", "--json")).json["store"]["name"] == "Hers"
    assert (await server.call("DELETE", "/v1/stores/hamburg", headers=ann.headers)).status == 409
    for args in (("gateways", "delete", "hamburg", "g1", "--yes"), ("stores", "delete", "hamburg", "--yes")):
        gone = await terminal.run(*args)
        assert gone.code == 0, gone
    late = await terminal.run("stores", "put", "hamburg", "--file", file)
    assert (late.code, "Store hamburg was deleted meanwhile." in late.err) == (3, True)


async def test_a_file_that_was_just_shown_goes_back_as_it_is(server: Caller, terminal: Terminal) -> None:
    await hamburg(server)
    shown = await terminal.run("gateways", "show", "hamburg", "g1", "--json")
    told = shown.json
    assert told["enrolment"]["state"] == "never"
    ended = await terminal.run("gateways", "put", "hamburg", "g1", "--file", "-", stdin=shown.out)
    assert ended.code == 0, ended
    assert (await terminal.run("gateways", "show", "hamburg", "g1", "--json")).json == told


async def test_what_is_wrong_is_said_with_the_next_step_and_changes_nothing(server: Caller, terminal: Terminal) -> None:
    await hamburg(server)
    before = await server.operate("GET", "/v1/registry")
    for some in range(0, len(WRONG), AT_ONCE):
        cases = WRONG[some : some + AT_ONCE]
        for case, ended in zip(cases, await asyncio.gather(*(terminal.run(*case[0]) for case in cases)), strict=True):
            args, code, said = case
            assert (ended.code, ended.out) == (code, ""), args
            assert said in ended.err, (args, ended)
            assert "Traceback" not in ended.err, args
    assert await server.operate("GET", "/v1/registry") == before


async def test_a_fixture_and_a_rotating_tag_are_registered_by_options(server: Caller, terminal: Terminal) -> None:
    await hamburg(server)
    fixture = await terminal.run(
        "register", "shelf-1", "--role", "fixture", "--format", "ibeacon", "--uuid", UUID, "--major", "1", "--minor",
        "258", "--store", "hamburg", "--zone", "shelf", "--battery", "CR2477",
    )  # fmt: skip
    assert (fixture.code, fixture.out) == (0, "Beacon shelf-1 is registered so.\n")
    key = terminal.write("key", KEY.upper())
    tag = await terminal.run(
        "register", "tag-1", "--role", "tag", "--format", "eid", "--key-file", key, "--exponent", "10", "--counter",
        "4096", "--store", "hamburg",
    )  # fmt: skip
    assert tag.code == 0, tag
    static = await terminal.run(
        "register", "tag-2", "--role", "tag", "--format", "uid", "--static-id", "00:11:22:33" * 4, "--store", "hamburg"
    )
    assert "Mind: tag tag-2 never rotates: anybody with a radio can follow it." in static.out
    shown = await terminal.run("show", "shelf-1")
    assert UUID.replace("-", "") + "00010102" in shown.out
    assert "exponent" not in shown.out
    told = await terminal.run("show", "tag-1", "--json")
    assert told.json["beacon"]["counter_s"] == 4096
    assert KEY not in told.out
    moved = await terminal.run("register", "shelf-1", "--zone", "door", "--json")
    assert moved.json["counts"] == {"beacons": 1}
    assert (await terminal.run("show", "shelf-1", "--json")).json["beacon"]["battery"] == "CR2477"
    assert (await terminal.run("delete", "shelf-1", "--yes")).out == "Beacon shelf-1 is deleted.\n"


async def test_walls_and_rules_of_presence_are_said_shown_and_taken_back(server: Caller, terminal: Terminal) -> None:
    await server.operate("PUT", "/v1/stores/hamburg", {"id": "hamburg", "name": "Hamburg"})
    wall, presence = ("--wall", "1,0,1,4"), ("stores", "presence", "hamburg")
    sized = await terminal.run("stores", "plan", "hamburg", "--width", "9", "--height", "6", *wall)
    assert sized.out == "9 by 6 m; walls: 1; picture: none\n"
    kept, said = await asyncio.gather(
        terminal.run("stores", "plan", "hamburg", "--width", "10", "--height", "6", "--json"),
        terminal.run(*presence, "zone_enter=0.7", "dwell_marks_s=10,60"),
    )
    assert kept.json["plan"] == {"width_m": 10, "height_m": 6, "walls": [[[1, 0], [1, 4]]]}
    assert [line.split() for line in said.out.splitlines() if line.startswith(("zone_", "dwell"))] == [
        ["zone_enter", "0.7", "0.7"],
        ["zone_leave", "inherited", "0.3"],
        ["zone_hold_s", "inherited", "0"],
        ["dwell_marks_s", "10,", "60", "10,", "60"],
    ]
    reset = await terminal.run(*presence, "--reset", "--json")
    assert (reset.json["revision"], reset.json["effective"]["zone_enter"]) == (0, 0.55)


async def test_long_lists_filter_sort_and_stream(server: Caller, terminal: Terminal) -> None:
    await hamburg(server)
    beacons = [
        {
            "beacon": {
                "id": f"b{n:04}", "role": "fixture", "format": "ibeacon", "static_id": f"{n:040x}",
                "store": "hamburg", "zone": "door" if n % 2 else "shelf", "name": f"N{1000 - n:04}",
            }
        }
        for n in range(450)
    ]  # fmt: skip
    await server.operate("PUT", "/v1/registry", {"beacons": beacons})
    first = await terminal.run("list")
    assert (first.code, fits(first)) == (0, True)
    assert first.out.endswith("The first 100 of 450; --limit N or --all shows more.\n")
    door = (await terminal.run("list", "--zone", "door", "--store", "hamburg", "--limit", "500", "--json")).json
    assert [len(door["items"]), door["after"]] == [225, None]
    named = (await terminal.run("list", "--sort", "name", "--limit", "2", "--json")).json
    assert [told["beacon"]["id"] for told in named["items"]] == ["b0449", "b0448"]
    last = (await terminal.run("list", "--desc", "--limit", "1", "--json")).json
    assert last["items"][0]["beacon"]["id"] == "b0449"
    lines = (await terminal.run("list", "--all", "--json")).out.splitlines()
    assert [json.loads(line)["beacon"]["id"] for line in lines] == [f"b{n:04}" for n in range(450)]
    people = await terminal.run("list", "--all")
    assert (people.out.splitlines()[-1], fits(people)) == ("450 in all.", True)


async def test_names_do_nothing_to_a_terminal(terminal: Terminal) -> None:
    evil = "[red]\x1b[2Jx\u202ey:smile:</script>"
    ended = await terminal.run("stores", "put", "s1", "--name", evil)
    assert ended.code == 0, ended
    listed = await terminal.run("stores", "list")
    assert ("\x1b" in listed.out, "\u202e" in listed.out) == (False, False)
    assert "[red]\ufffd[2Jx\ufffdy:smile:</script>" in listed.out.replace("\n", "")
    assert (await terminal.run("stores", "show", "s1", "--json")).json["store"]["name"] == evil


async def test_a_gateway_gets_a_code_and_is_shut_out_and_other_peoples_a_login(
    server: Caller, terminal: Terminal
) -> None:
    await hamburg(server)
    told = (await terminal.run("gateways", "code", "hamburg", "g1", "--json")).json
    assert told["url"].startswith(f"{server.running.http_url}/enrol/")
    bare = await terminal.run("gateways", "code", "hamburg", "g1", "--bare")
    assert bare.out.startswith(f"{server.running.http_url}/enrol/")
    shown = await terminal.run("gateways", "show", "hamburg", "g1")
    assert "never; next: footfall-beacons gateways code" in shown.out
    assert "unused code until" in shown.out
    secret = str(terminal.home / "secret")
    new = await terminal.run("gateways", "put", "hamburg", "g2", "--secret-out", secret, "--json")
    assert "secret" not in new.json
    assert len((terminal.home / "secret").read_text().strip()) == 64
    late = await terminal.run("gateways", "put", "hamburg", "g2", "--secret-out", secret)
    assert (late.code, "its secret is not shown again" in late.err) == (2, True)
    revoked = await terminal.run("gateways", "revoke", "hamburg", "g1", "--yes")
    assert (revoked.code, revoked.out[:26]) == (0, "Gateway g1 is let in no mo")
    told = ("--kind", "theengs", "--topic", "hamburg/+/BTtoMQTT/+", "--gateway", "door=g2")
    made = await terminal.run("sources", "put", "hamburg", "door", *told)
    assert ("source.hamburg.door" in made.out, "shown this once" in made.out) == (True, True)
    assert "hamburg/+/BTtoMQTT/+" in (await terminal.run("sources", "list", "hamburg")).out
