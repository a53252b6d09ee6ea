"""Purposes of a site's own over real HTTP: asked once, where they are to be; refused where unknown; measured."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from push.profiles.settings import ProfileSettings
from tests.support.senders import DAY_MS, sent, soon_ms, to
from tests.support.servers import REGISTRY, STORE, Caller, Phone, serving, settings

LETTER: Any = {
    "name": "newsletter",
    "texts": {"en": ["Send me the newsletter", "Once a month."], "en-AT": ["The newsletter", "From Vienna."]},
    "countries": ["AT"],
}
EMAIL: Any = {"name": "email", "double_opt_in": ["AT"]}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Caller]:
    """Stores in two countries, a purpose of one of them, and mail that is confirmed there."""
    told: dict[str, Any] = {"minimum_age": 0, "purposes": [LETTER, EMAIL], "bounds": {"traits": 10, "trait_bytes": 64}}
    told["consent_categories"] = {"All": ["profiling"]}
    own = msgspec.convert(told, ProfileSettings)
    async with serving(settings(tmp_path / "data", profiles=own)) as running:
        await running.operate("PUT", "/v1/registry", REGISTRY)
        await running.operate("PUT", "/v1/stores/wien", {"id": "wien", "name": "Wien", "address": "Ring 1, Wien, AT"})
        yield running


async def asked(server: Caller, phone: Phone, query: str) -> dict[str, Any]:
    answer = await server.call("GET", f"/v1/app/config?{query}", phone.token)
    return {"country": answer.json["country"], **{one["id"]: one for one in answer.json["purposes"]}}


async def say(server: Caller, phone: Phone, purposes: dict[str, bool], **more: object) -> Any:  # noqa: ANN401 - JSON
    return await server.call("PUT", phone.path("consent"), phone.token, {"purposes": purposes, **more})


async def test_a_purpose_is_asked_where_it_is_to_be_and_once(server: Caller) -> None:
    phone = await server.phone()
    here, there = await asked(server, phone, f"store={STORE}"), await asked(server, phone, "store=wien&locale=en")
    assert (here["country"], "newsletter" in here, there["country"]) == ("DE", False, "AT")
    assert (there["newsletter"]["text"], there["newsletter"]["asked"]) == ("From Vienna.", False)
    assert "newsletter" in await asked(server, phone, f"country=AT&store={STORE}"), "what she says comes first"
    assert (await server.call("GET", "/v1/app/config?country=at", phone.token)).status == 400

    shown = {"versions": {"newsletter": there["newsletter"]["version"], "marketing": "0" * 16}, "country": "AT"}
    for _ in range(2):
        assert (await server.call("POST", phone.path("consent/asked"), phone.token, shown)).status == 204
    again = await asked(server, phone, "country=AT&locale=en")
    assert (again["newsletter"]["asked"], again["marketing"]["asked"]) == (True, False), (
        "only words that there are count"
    )
    assert (await asked(server, phone, "country=AT&locale=fr"))["newsletter"]["asked"] is False, "those are others"


async def test_mail_waits_to_be_confirmed_where_the_country_asks_for_it(server: Caller) -> None:
    here, there = await server.phone(), await server.phone()
    assert (await say(server, here, {"email": True}, country="DE")).json["purposes"]["email"] is True
    assert (await say(server, there, {"email": True}, country="AT")).json["purposes"]["email"] is False
    said = (await server.call("GET", there.path("consent/ledger"), there.token)).json["said"]
    assert [(one["purpose"], one["pending"]) for one in said] == [("email", True)]


async def test_an_unknown_purpose_is_refused_wherever_it_is_named_and_counted(server: Caller) -> None:
    phone = await server.phone()
    rule = {"name": "S", "rule": {"kind": "consent", "purpose": "gossip"}}
    message = {**to(shopper=phone.shopper), "needs": ["gossip"]}
    trigger, template = {"kind": "store_entered"}, {"title": "Hello", "body": "There"}
    campaign = {"id": "c", "name": "C", "trigger": trigger, "template": template, "needs": ["gossip"]}
    for method, path, body in (
        ("POST", "/v1/messages", message),
        ("PUT", "/v1/segments/s", rule),
        ("PUT", "/v1/campaigns/c", campaign),
        ("PUT", "/v1/shoppers/zoe", {"id": "zoe", "purposes": {"gossip": True}}),
        ("GET", "/v1/people/export?purpose=gossip", None),
    ):
        answer = await server.call(method, path, server.operator, body)
        assert (answer.status, "newsletter" in answer.json["detail"]) == (400, True), (path, answer.json)
    refused = await say(server, phone, {"gossip": True})
    assert (refused.status, "one of adult, location" in refused.json["detail"]) == (400, True)
    assert (await server.call("GET", phone.path("consent/ledger"), phone.token)).json["said"] == []
    metrics = (await server.call("GET", "/metrics")).raw.decode()
    assert 'footfall_statements_doubted_total{reason="unknown_purpose"} 5.0' in metrics


async def test_a_message_that_needs_a_purpose_goes_to_who_granted_it_and_is_taken_back_with_it(server: Caller) -> None:
    phone = await server.phone(marketing=True, inapp=True)
    needing = {**to(shopper=phone.shopper), "needs": ["newsletter"]}
    [refused] = await sent(server, needing)
    assert refused["reason"] == "not_agreed"
    await say(server, phone, {"newsletter": True})
    [queued] = await sent(server, {**needing, "send_at_ms": soon_ms(DAY_MS)})
    assert queued["status"] == "queued"
    await say(server, phone, {"newsletter": False})
    trace = (await server.operate("GET", f"/v1/deliveries/{queued['delivery']}"))["delivery"]
    assert (trace["state"], trace["reason"]) == ("cancelled", "consent withdrawn")


async def test_how_words_are_taken_is_told_by_country_and_week_and_outlives_everybody(server: Caller) -> None:
    phones = [await server.phone() for _ in range(11)]
    version = (await asked(server, phones[0], "country=AT&locale=en"))["newsletter"]["version"]
    told = {"versions": {"newsletter": version}, "country": "AT"}
    for phone in phones:
        await server.call("POST", phone.path("consent/asked"), phone.token, told)
    for phone in phones[:6]:
        await say(server, phone, {"newsletter": True}, **told)
    await say(server, phones[0], {"newsletter": False})
    [taken] = await server.operate("GET", "/v1/consent/acceptance")
    numbers = {name: taken[name] for name in ("country", "asked", "granted", "denied", "ignored", "withdrawn")}
    few, untold = "fewer than 5", "not told"  # five who said nothing would tell that nobody said no
    assert numbers == {
        "country": "AT", "asked": 11, "granted": 6, "denied": few, "ignored": untold, "withdrawn": few
    }  # fmt: skip
    for phone in phones:
        await server.call("DELETE", phone.path("person"), phone.token)
    assert await server.operate("GET", "/v1/consent/acceptance") == [taken]


async def test_what_a_shipped_key_says_of_somebody_has_bounds(server: Caller) -> None:
    said = {f"t{n}": n for n in range(30)} | {"long": "x" * 100}
    consent = {"consent": {"categoryPreferences": {"All": True}}}
    page = {"anonymousId": "a-17", "traits": said, "context": consent}
    track = {"anonymousId": "a-18", "event": "Made Up", "properties": {"currency": "QQQ"}}
    assert (await server.call("POST", "/v1/identify", server.app, page)).status == 200
    assert (await server.call("POST", "/v1/track", server.app, track)).status == 200
    metrics = (await server.call("GET", "/metrics")).raw.decode()
    assert 'doubted_total{reason="trait_too_large"} 1.0' in metrics
    assert 'doubted_total{reason="unknown_currency"} 1.0' in metrics
    assert 'statements_total{outcome="traits_beyond"} 20.0' in metrics
    found = await server.operate("POST", "/v1/people/find", {"kind": "anonymous_id", "value": "a-17"})
    assert len((await server.operate("GET", f"/v1/people/{found['person']}"))["traits"]) == 10
