"""What is said of people over HTTP: kept once, under whom the key may speak for, and only what consent covers."""

import asyncio
import base64
import gzip
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from push.profiles.collect.settings import BoundSettings
from tests.support.collecting import AGREED, REFUSED, Shop, collecting
from tests.support.servers import Answer, Phone


@pytest.fixture
async def shop(any_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    async with collecting(tmp_path, any_url) as open_shop:
        yield open_shop


def bought(order: str, total: float = 10, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    said = {"order_id": order, "total": total, "currency": "EUR"}
    return {"type": "track", "event": "Order Completed", "userId": "ann-17", "properties": said, **more}


async def agreed(shop: Shop, user: str = "ann-17", **more: Any) -> None:  # noqa: ANN401 - JSON
    await shop.say("identify", {"userId": user, "context": AGREED, **more})


# --- a profile --------------------------------------------------------------------------------------------------------


async def test_a_back_end_says_who_somebody_is_and_what_she_did(shop: Shop) -> None:
    traits = {"email": "Ann@Example.org", "name": "Ann"}
    told = await shop.say("identify", {"userId": "ann-17", "anonymousId": "a-1", "traits": traits, "context": AGREED})
    assert told == {"success": True, "outcomes": {"kept": 1}}
    await shop.say("track", bought("o-1", 49.9))
    found = await shop.profile("email", "ann@example.org")
    assert found["traits"] == traits
    assert {one["kind"] for one in found["facets"]} == {"user_id", "email", "anonymous_id"}
    assert found["figures"]["orders"] == 1
    assert found["figures"]["spent_minor"] == 4990
    assert {one["purpose"] for one in found["consents"] if one["granted"]} == {"profiling"}
    assert await shop.names("anonymous_id", "a-1") == ["Order Completed"]


async def test_what_was_anonymous_is_hers_once_she_is_known(shop: Shop) -> None:
    app = shop.server.app
    await shop.say("p", {"anonymousId": "a-1", "name": "Home", "context": AGREED}, app)
    await shop.say("t", {"anonymousId": "a-1", "event": "Product Viewed", "properties": {"product_id": "p"}}, app)
    assert await shop.find("user_id", "ann-17") is None
    await shop.say("alias", {"previousId": "a-1", "userId": "ann-17"})
    assert await shop.names("user_id", "ann-17") == ["Product Viewed"]
    assert await shop.find("user_id", "ann-17") == await shop.find("anonymous_id", "a-1")


async def test_what_arrives_late_takes_its_place(shop: Shop) -> None:
    await agreed(shop, traits={"tier": "old"}, timestamp="2026-01-01T00:00:00Z")
    await shop.say("identify", {"userId": "ann-17", "traits": {"tier": "newest"}, "timestamp": "2026-09-01T00:00:00Z"})
    await shop.say("identify", {"userId": "ann-17", "traits": {"tier": "newer"}, "timestamp": "2026-05-01T00:00:00Z"})
    assert (await shop.profile("user_id", "ann-17"))["traits"]["tier"] == "newest"


async def test_a_timeline_comes_in_pages(shop: Shop) -> None:
    await agreed(shop)
    rows = [bought(f"o-{n}", event=f"Step {n}", messageId=f"m-{n}") for n in range(120)]
    await shop.say("batch", {"batch": rows})
    assert sorted(await shop.names("user_id", "ann-17")) == sorted(f"Step {n}" for n in range(120))


async def test_nobody_has_no_profile(shop: Shop) -> None:
    for path in ("/v1/people/nobody", "/v1/people/nobody/events"):
        assert (await shop.server.call("GET", path, shop.server.operator)).status == 404


async def test_a_page_that_is_none_is_refused(shop: Shop) -> None:
    answer = await shop.server.call("GET", "/v1/people/x/events?after=eyJ", shop.server.operator)
    assert answer.status == 400


# --- keys -------------------------------------------------------------------------------------------------------------


async def test_a_stolen_app_key_links_nothing(shop: Shop) -> None:
    await agreed(shop, traits={"email": "ann@example.org"})
    app, before = shop.server.app, await shop.profile("user_id", "ann-17")
    evil: dict[str, Any] = {"anonymousId": "evil-1", "userId": "ann-17", "context": AGREED}
    assert await shop.say("i", {**evil, "traits": {"email": "ann@example.org", "name": "Eve"}}, app) == {
        "success": True
    }
    await shop.say("a", {**evil, "previousId": "ann-17"}, app)
    await shop.say("g", {**evil, "groupId": "ann-17"}, app)
    await shop.say("t", {**evil, "event": "Product Viewed", "properties": {"product_id": "p"}}, app)
    told = await shop.say("t", {"userId": "ann-17", "event": "Product Viewed"}, app)
    assert told["success"] is False
    assert told["errors"][0]["reason"] == "unproven"
    await shop.say("t", {**evil, "event": "x", "context": {"userToken": "eyJhbGciOiJub25lIn0.e30."}}, app)
    after = await shop.profile("user_id", "ann-17")
    assert after["figures"].pop("at_ms") > before["figures"].pop("at_ms")
    assert after == before
    assert await shop.names("user_id", "ann-17") == []
    assert [one["kind"] for one in (await shop.profile("anonymous_id", "evil-1"))["facets"]] == ["anonymous_id"]


async def test_a_user_token_lets_a_page_speak_for_its_customer(shop: Shop) -> None:
    token = shop.token("ann-17", email="ann@example.org")
    said = {"anonymousId": "a-1", "userId": "ann-17", "event": "Product Viewed", "properties": {"product_id": "p"}}
    await shop.say("t", {**said, "context": {**AGREED, "userToken": token}}, shop.server.app)
    assert await shop.names("email", "ann@example.org") == ["Product Viewed"]
    await shop.say("t", {**said, "event": "Second"}, shop.server.app, X_Footfall_User_Token=token)
    assert await shop.names("anonymous_id", "a-1") == ["Product Viewed", "Second"]


async def test_the_next_on_the_same_device_is_somebody_else(shop: Shop) -> None:
    said = {"anonymousId": "kiosk", "event": "Seen"}
    for user in ("ann-17", "bob-18"):
        context = {**AGREED, "userToken": shop.token(user)}
        await shop.say("t", {**said, "userId": user, "messageId": user, "context": context}, shop.server.app)
    assert await shop.find("user_id", "ann-17") != await shop.find("user_id", "bob-18")


async def test_the_key_may_be_in_header_or_body(shop: Shop) -> None:
    key, url = shop.back_end, f"{shop.server.running.http_url}/v1/track"
    basic = base64.b64encode(f"{key}:".encode()).decode()
    ways: list[tuple[dict[str, str], dict[str, str]]] = [
        ({"Authorization": f"Basic {basic}"}, {}),
        ({"Content-Type": "text/plain"}, {"writeKey": key}),
        ({"Authorization": f"Bearer {key}"}, {"writeKey": "wrong"}),
    ]
    for headers, more in ways:
        body = json.dumps({"userId": "ann-17", "event": "Seen", **more})
        async with shop.server.http.post(url, data=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()


async def test_without_a_key_that_counts_nobody_is_heard(shop: Shop) -> None:
    credentials = ["", "Basic x", "Basic /////w==", "Bearer ff_app_x", "Basic ZmZfYXBwX3g6"]
    for credential in credentials:
        for body in (b"", b"{", b'{"writeKey": 7}', b'{"writeKey": "x", "event": "Seen"}', b"[]"):
            headers = {"Authorization": credential} if credential else {}
            answer = await shop.server.call("POST", "/v1/track", headers=headers, data=body)
            assert answer.status == 401, (credential, body)


async def test_keys_open_nothing_else(shop: Shop) -> None:
    for path in ("/v1/stores", "/v1/people/x", "/v1/tokens"):
        assert (await shop.server.call("GET", path, shop.back_end)).status == 403
    operator = await shop.server.call("POST", "/v1/track", shop.server.operator, {"event": "x", "userId": "u"})
    assert operator.status == 403


# --- consent ----------------------------------------------------------------------------------------------------------


async def test_nothing_is_kept_without_consent(shop: Shop) -> None:
    told = await shop.say(
        "batch", {"batch": [bought("o-1"), {"type": "identify", "userId": "ann-17", "traits": {"a": 1}}]}
    )
    assert told == {"success": True, "outcomes": {"no_consent": 2}}
    assert await shop.find("user_id", "ann-17") is None


async def test_what_lies_before_a_grant_or_behind_a_refusal_is_not_kept(shop: Shop) -> None:
    await agreed(shop, timestamp="2026-03-01T00:00:00Z")
    await shop.say("identify", {"userId": "ann-17", "context": REFUSED, "timestamp": "2026-05-01T00:00:00Z"})
    assert (await shop.profile("user_id", "ann-17"))["figures"] is None
    await agreed(shop, timestamp="2026-07-01T00:00:00Z")
    months = {f"2026-0{month}-15T00:00:00Z": f"month {month}" for month in (2, 4, 6, 8)}
    rows = [{"type": "track", "userId": "ann-17", "event": name, "timestamp": at} for at, name in months.items()]
    told = await shop.say("batch", {"batch": rows})
    assert told["outcomes"] == {"kept": 2, "no_consent": 2}
    assert await shop.names("user_id", "ann-17") == ["month 4", "month 8"]


async def test_an_unknown_category_grants_nothing(shop: Shop) -> None:
    context = {"consent": {"categoryPreferences": {"Unheard of": True}}}
    assert (await shop.say("track", {**bought("o-1"), "context": context}))["outcomes"] == {"no_consent": 1}


async def test_orders_may_be_kept_for_the_contract_alone(any_url: str, tmp_path: Path) -> None:
    async with collecting(tmp_path, any_url, keep_orders=True, bounds=BoundSettings(new_people_per_min=1)) as shop:
        seen = {"type": "track", "userId": "ann-17", "event": "Product Viewed"}
        told = await shop.say("batch", {"batch": [bought("o-1"), seen]})
        assert told["outcomes"] == {"order_only": 1, "no_consent": 1}
        assert await shop.names("user_id", "ann-17") == ["Order Completed"]
        assert (await shop.profile("user_id", "ann-17"))["figures"] is None
        strangers = [{**bought(f"x-{n}"), "userId": None, "anonymousId": f"stranger-{n}"} for n in range(2)]
        crowd = await shop.call("batch", {"batch": strangers}, shop.server.app)
        assert crowd.status == 429, "orders by a key out of an app bring no more people than her consent does"


async def test_a_withdrawal_holds_for_every_identifier_of_hers(shop: Shop) -> None:
    await agreed(shop, anonymousId="a-1")
    said = {"anonymousId": "a-1", "event": "Seen", "messageId": "m-1"}
    await shop.say("t", said, shop.server.app)
    await shop.say("identify", {"userId": "ann-17", "context": REFUSED})
    await shop.say("t", {**said, "messageId": "m-2"}, shop.server.app)
    assert len(await shop.names("user_id", "ann-17")) == 1


# --- bad input --------------------------------------------------------------------------------------------------------


async def test_the_same_message_counts_once_however_often_it_arrives(shop: Shop) -> None:
    await agreed(shop)
    row = bought("o-1", messageId="m-1")
    told = await asyncio.gather(*(shop.say("batch", {"batch": [row, row]}) for _ in range(10)))
    assert sum(one["outcomes"].get("kept", 0) for one in told) >= 1
    assert await shop.names("user_id", "ann-17") == ["Order Completed"]
    assert (await shop.profile("user_id", "ann-17"))["figures"]["orders"] == 1


async def test_one_bad_row_of_five_thousand_spoils_no_other(shop: Shop) -> None:
    rows: list[dict[str, Any]] = [
        {"type": "track", "event": "e", "userId": f"u{n}", "messageId": f"{n}"} for n in range(5_000)
    ]
    rows[1234] = {"type": "track", "userId": "u"}
    told = await shop.say("batch", {"batch": rows})
    assert (told["success"], told["rejected"]) == (False, 1)
    assert told["errors"] == [{"index": 1234, "reason": "no_event", "where": "event", "expected": "the event's name"}]
    assert told["outcomes"] == {"no_consent": 4_999}
    assert (await shop.call("batch", {"batch": [*rows, rows[0]]})).status == 400


async def test_what_is_too_large_or_too_deep_is_refused_where_it_stands(shop: Shop) -> None:
    deep: object = 1
    for _ in range(100):
        deep = [deep]
    rows = [
        {"type": "identify", "userId": "ann-17", "traits": {"a": "x" * 200_000}},
        {"type": "identify", "userId": "ann-17", "traits": {f"k{n}": 1 for n in range(5_000)}},
        {"type": "identify", "userId": "ann-17", "traits": deep},
        {"type": "identify", "userId": "ann-17", "traits": {"a": deep}},
    ]
    told = await shop.say("batch", {"batch": rows})
    assert [one["reason"] for one in told["errors"]] == ["too_large", "too_many_keys", "not_understood", "too_deep"]
    large = io.BytesIO(json.dumps({"userId": "u", "traits": {"a": "x" * 1_100_000}}).encode())
    assert (await shop.server.call("POST", "/v1/identify", shop.back_end, data=large)).status == 413


async def test_gzip_is_inflated_within_bounds(shop: Shop) -> None:
    headers = {"Content-Encoding": "gzip"}
    body = gzip.compress(json.dumps({"batch": [bought("o-1")]}).encode())
    answer = await shop.server.call("POST", "/v1/batch", shop.back_end, data=body, headers=headers)
    assert answer.status == 200
    bomb = gzip.compress(b" " * 50_000_000)
    assert (await shop.server.call("POST", "/v1/batch", shop.back_end, data=bomb, headers=headers)).status == 413
    broken = await shop.server.call("POST", "/v1/batch", shop.back_end, data=b"no gzip", headers=headers)
    assert broken.status == 400


async def test_a_flood_of_nobodys_ids_makes_nobody(shop: Shop) -> None:
    junk = ("null", "undefined", "test@test.com", "0000", "", "NaN", "[object Object]")
    rows = [{"type": "identify", "userId": junk[n % 7], "context": AGREED, "messageId": f"{n}"} for n in range(5_000)]
    told = await shop.say("batch", {"batch": rows})
    assert told["rejected"] == 5_000
    assert len(told["errors"]) == 100
    assert "outcomes" not in told


async def test_names_of_any_script_come_back_as_they_were(shop: Shop) -> None:
    name = "נועה \u202eannA 🛒"
    await agreed(shop, traits={"name": name})
    await shop.say("track", {"userId": "ann-17", "event": "🛒 שלום"})
    assert (await shop.profile("user_id", "ann-17"))["traits"]["name"] == name
    assert await shop.names("user_id", "ann-17") == ["🛒 שלום"]


async def test_an_identify_loop_ends_in_one_person(shop: Shop) -> None:
    ids = ["a-1", "a-2", "a-3"]
    rows = [
        {"type": "identify", "userId": "ann-17", "anonymousId": ids[n % 3], "context": AGREED, "messageId": f"{n}"}
        for n in range(300)
    ]
    await asyncio.gather(*(shop.say("batch", {"batch": rows[first::3]}) for first in range(3)))
    assert len((await shop.profile("user_id", "ann-17"))["facets"]) == 4


# --- browsers ---------------------------------------------------------------------------------------------------------


async def test_pages_of_any_origin_may_say_things_and_nothing_else(shop: Shop) -> None:
    http, url = shop.server.http, shop.server.running.http_url
    asks = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    async with http.options(f"{url}/v1/t", headers=asks) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
    async with http.options(f"{url}/v1/stores", headers=asks) as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers
    async with http.post(f"{url}/v1/t", headers={"Origin": "https://shop.example"}, data=b"{}") as answer:
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (401, "*")


async def test_a_browsers_client_is_told_to_send_here(shop: Shop) -> None:
    app = shop.server.app
    answer = await shop.server.call("GET", f"/v1/projects/{app}/settings", headers={"Origin": "https://shop.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    [(name, told)] = answer.json["integrations"].items()
    assert (name, told["apiKey"]) == ("Segment.io", app)
    assert f"{told['protocol']}://{told['apiHost']}" == f"{shop.server.running.http_url}/v1"
    for key in (shop.back_end, "ff_app_unknown", "x" * 300):
        assert (await shop.server.call("GET", f"/v1/projects/{key}/settings")).status == 404


async def test_a_device_that_others_registered_or_linked_by_hand_takes_nobody_along(shop: Shop) -> None:
    server = shop.server
    await shop.say("identify", {"userId": "ada-1", "context": AGREED, "traits": {"firstName": "Ada"}})
    ada = await shop.find("user_id", "ada-1")
    theirs = Phone(**await server.operate("POST", "/v1/devices", {"platform": "sim", "shopper": ada}))
    linked = await server.phone()
    await server.operate("POST", "/v1/links", {"a": linked.shopper, "b": ada})

    async def export(phone: Phone, user: str = "") -> Answer:
        headers = {"X-Footfall-User-Token": shop.token(user)} if user else {}
        return await server.call("GET", phone.path("export"), phone.token, headers=headers)

    for phone in (theirs, linked):
        refused = await export(phone)
        assert (refused.status, refused.json["title"]) == (403, "Not proven")
        assert "`X-Footfall-User-Token`" in refused.json["detail"]
        assert (await export(phone, "eve-2")).status == 403
        assert (await server.call("DELETE", phone.path("person"), phone.token)).status == 403
    assert (await export(theirs, "ada-1")).status == 403, "whose the other phone is, nobody knows but the operator"
    device = {"externalIds": [{"type": "device", "id": linked.device}]}
    await shop.say("identify", {"userId": "ada-1", "context": device})
    assert (await export(theirs, "ada-1")).status == 200
    assert (await export(linked)).json["traits"]["firstName"] == "Ada"
    assert (await server.call("DELETE", linked.path("person"), linked.token)).status == 200


async def test_whom_an_operator_names_is_the_user_of_that_name_at_once(shop: Shop) -> None:
    await shop.say("identify", {"userId": "ada-9", "context": AGREED, "traits": {"firstName": "Ada"}})
    await shop.server.operate(
        "PUT", "/v1/shoppers/ada-9", {"id": "ada-9", "traits": {}, "purposes": {}, "source": "till"}
    )
    assert (await shop.server.operate("GET", "/v1/people/ada-9"))["person"] == await shop.find("user_id", "ada-9")
    assert (await shop.profile("user_id", "ada-9"))["traits"]["firstName"] == "Ada"
