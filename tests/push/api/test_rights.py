"""What people may ask for: who is erased is nowhere any more, and nobody else misses anything."""

from push.profiles.erased import FILE
from push.profiles.rights.exporting import Export
from push.profiles.rights.page import page
from tests.push.api.test_tags import CARD, card, claim
from tests.support.dumping import dump, holding
from tests.support.servers import Caller, Phone

AGREED = {"location": True, "marketing": True, "inapp": True, "profiling": True, "screen": True, "adult": True}

STEADY = ("audit", "consents", "devices", "messages", "nicknames", "tokens", "visits")
"""Where nothing is written while a message is on its way."""


async def lived(server: Caller, nickname: str = "Bob") -> Phone:
    """Somebody who came by, got a message, and has a nickname, a tag of her phone's and a card."""
    phone = await server.phone(**AGREED)
    for method, leaf, body in (("PUT", "nickname", {"nickname": nickname}), ("POST", "tag", None)):
        assert (await server.call(method, phone.path(leaf), phone.token, body)).status < 300
    assert (await server.range(phone)).status < 300
    return phone


async def rows_of(server: Caller, url: str, *texts: str) -> dict[str, list[str]]:
    found = await dump(url, server.folder)
    return {table: rows for text in texts for table, rows in holding(found, text).items()}


async def test_who_is_erased_is_in_no_row_any_more(any_server: Caller, any_url: str) -> None:
    server = any_server
    ann, bob = await lived(server, "Zuckerschnute"), await lived(server)
    code = await card(server)
    assert (await claim(server, ann, code)).status == 200
    her = (ann.shopper, ann.device, "Zuckerschnute")
    kept = await rows_of(server, any_url, bob.shopper, bob.device)
    assert {"visits", "messages", "deliveries", "devices", "nicknames", "audit"} <= set(kept)
    gone = await server.operate("DELETE", f"/v1/people/{ann.shopper}")
    assert gone == {"facets": 1, "devices": 1, "tags": 2}
    assert await rows_of(server, any_url, *her) == {}
    still = await rows_of(server, any_url, bob.shopper, bob.device)
    assert {table: len(still[table]) for table in STEADY} == {table: len(kept[table]) for table in STEADY}
    assert (await server.operate("GET", f"/v1/beacons/{CARD}"))["beacon"]["shopper"] is None
    assert (await server.call("GET", ann.path("consent"), ann.token)).status == 401
    [entry] = (await server.operate("GET", "/v1/audit?action=erase%20person"))["items"]
    assert (entry["subject"], entry["after"]) == ("person", gone)
    assert (await server.call("DELETE", f"/v1/people/{ann.shopper}", server.operator)).status == 404


async def test_her_app_erases_her_with_one_call(server: Caller) -> None:
    ann = await lived(server)
    async with server.listen(ann) as stream:
        answer = await server.call("DELETE", ann.path("person"), ann.token)
        assert (answer.status, answer.json) == (200, {"facets": 1, "devices": 1, "tags": 1})
        await stream.end()
    assert ann.shopper not in (server.folder / "person-keys" / FILE).read_text()


async def test_an_app_erases_nobody_else(server: Caller) -> None:
    ann, bob = await server.phone(), await server.phone()
    assert (await server.call("DELETE", bob.path("person"), ann.token)).status == 403
    assert (await server.call("DELETE", f"/v1/people/{bob.shopper}", ann.token)).status == 403


async def test_who_comes_again_is_somebody_new(server: Caller) -> None:
    body = {"platform": "sim", "shopper": "ada"}
    first = await server.operate("POST", "/v1/devices", body)
    await server.operate("DELETE", "/v1/people/ada")
    again = Phone(**await server.operate("POST", "/v1/devices", body))
    assert again.device != first["device"]
    consent = await server.call("GET", again.path("consent"), again.token)
    assert not any(consent.json["purposes"].values())


async def test_an_export_holds_everything_and_reads_well(any_server: Caller) -> None:
    server = any_server
    ann, bob = await lived(server, "Zucker"), await lived(server)
    found = await server.operate("GET", f"/v1/people/{ann.shopper}/export")
    told = str(found)
    assert (found["person"], bob.shopper in told, bob.device in told) == (ann.shopper, False, False)
    records = found["records"]
    assert [one["id"] for one in records["devices"]] == [ann.device]
    assert [one["nickname"] for one in records["nicknames"]] == ["Zucker"]
    assert {"location", "marketing"} <= {one["purpose"] for one in records["consents"] if one["granted"]}
    assert {one["purpose"] for one in records["consent_history"]} >= {"location", "marketing"}
    for kind in ("visits", "stays", "moments", "decisions", "messages", "deliveries", "touches", "tags"):
        assert records[kind], kind
    assert records["messages"][0]["content"]["title"] == "Welcome to Hamburg"
    own = await server.call("GET", ann.path("export"), ann.token)
    assert own.json["records"].keys() == records.keys()
    read = await server.call("GET", ann.path("export.html"), ann.token)
    assert (read.status, read.headers["Content-Type"]) == (200, "text/html")
    assert b"<h2>Your visits</h2><table>" in read.raw
    assert b"Zucker" in read.raw
    theirs = await server.call("GET", f"/v1/people/{ann.shopper}/export.html", server.operator)
    assert (theirs.status, theirs.headers["Cache-Control"]) == (200, "no-store")
    for path in ("export", "export.html"):
        assert (await server.call("GET", bob.path(path), ann.token)).status == 403


async def test_what_people_wrote_is_text_on_the_page_and_no_markup() -> None:
    traits = {"name": "<script>alert(1)</script>", "seen_ms": 0, "born": None}
    found = Export(person="shp_1", made_ms=1_795_305_600_000, traits=traits, records={"visits": [], "other": [{}]})
    read = page(found).decode()
    assert "<script>" not in read
    assert "&lt;script&gt;" in read
    assert "2026-11-22 00:00:00 UTC" in read
