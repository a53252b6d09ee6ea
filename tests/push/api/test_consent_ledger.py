"""What somebody was asked and said is kept with the words that she was shown, for her to read."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from push.profiles.settings import ProfileSettings
from tests.support.servers import REGISTRY, Caller, Phone, serving, settings


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Caller]:
    """A server that locates and profiles nobody under 16."""
    strict = settings(tmp_path / "data", profiles=ProfileSettings(minimum_age=16))
    async with serving(strict) as running:
        await running.operate("PUT", "/v1/registry", REGISTRY)
        yield running


async def config(server: Caller, phone: Phone) -> dict[str, dict[str, str]]:
    answer = await server.call("GET", "/v1/app/config", phone.token)
    return {purpose["id"]: purpose for purpose in answer.json["purposes"]}


async def ledger(server: Caller, phone: Phone) -> Any:  # noqa: ANN401 - JSON
    return (await server.call("GET", phone.path("consent/ledger"), phone.token)).json


async def test_who_did_not_say_her_age_is_not_located_whatever_else_she_said(server: Caller) -> None:
    phone = await server.phone()
    purposes = await config(server, phone)
    assert purposes["adult"]["title"] == "I am 16 or older"

    path = phone.path("consent")
    asked = await server.call("PUT", path, phone.token, {"purposes": {"location": True, "marketing": True}})
    young = await server.call("POST", phone.path("tag"), phone.token)
    of_age = await server.call("PUT", path, phone.token, {"purposes": {"adult": True}})
    grown = await server.call("POST", phone.path("tag"), phone.token)

    assert (asked.json["purposes"]["location"], asked.json["purposes"]["marketing"]) == (False, True)
    assert young.status == 409
    assert of_age.json["purposes"]["location"] is True
    assert grown.status == 201


async def test_where_nobody_is_asked_for_her_age_it_is_no_purpose(tmp_path: Path) -> None:
    async with serving(settings(tmp_path / "data")) as open_to_all:
        phone = await open_to_all.phone(location=True)
        assert "adult" not in await config(open_to_all, phone)
        assert (await open_to_all.call("POST", phone.path("tag"), phone.token)).status == 201


async def test_a_word_is_kept_with_the_words_that_she_was_shown(server: Caller) -> None:
    phone = await server.phone()
    version = (await config(server, phone))["marketing"]["version"]
    body = {"purposes": {"marketing": True}, "versions": {"marketing": version}, "locale": "de", "asked_on": "till"}
    await server.call("PUT", phone.path("consent"), phone.token, body)
    await server.call("PUT", phone.path("consent"), phone.token, {"purposes": {"marketing": False}})

    said = [word for word in (await ledger(server, phone))["said"] if word["purpose"] == "marketing"]
    assert [(word["granted"], word["version"], word["locale"], word["asked_on"]) for word in said] == [
        (True, version, "de", "till"),
        (False, "", "", "app"),
    ]
    assert {word["source"] for word in said} == {f"device:{phone.device}"}
    assert said[0]["at_ms"] < said[1]["at_ms"]


async def test_what_was_asked_is_known_once_and_how_it_is_taken_is_counted(server: Caller) -> None:
    first, second, third = [await server.phone() for _ in range(3)]
    version = (await config(server, first))["profiling"]["version"]
    shown = {"versions": {"profiling": version}, "locale": "en"}
    for phone in (first, first, second, third):
        answer = await server.call("POST", phone.path("consent/asked"), phone.token, shown)
        assert answer.status == 204
    for phone, yes in ((first, True), (second, False), (second, True), (third, False)):
        body = {"purposes": {"profiling": yes, "adult": yes}, "versions": {"profiling": version}}
        await server.call("PUT", phone.path("consent"), phone.token, body)

    [taken] = await server.operate("GET", "/v1/consent/acceptance")
    assert (taken["purpose"], taken["version"], taken["title"]) == ("profiling", version, "Make offers personal")
    assert (taken["asked"], taken["granted"]) == ("fewer than 5",) * 2
    [asked] = (await ledger(server, first))["asked"]
    assert asked["answered_ms"] >= asked["asked_ms"]


async def test_a_version_that_is_none_is_refused(server: Caller) -> None:
    phone = await server.phone()
    body = {"purposes": {"marketing": True}, "versions": {"marketing": "latest"}}
    assert (await server.call("PUT", phone.path("consent"), phone.token, body)).status == 400
    assert (await server.call("POST", phone.path("consent/asked"), phone.token, {"versions": {}})).status == 400
