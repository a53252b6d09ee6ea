"""Calls about the fleet: everybody reads what is wrong in her own stores, editors say what is taken care of."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from push.health import keeping
from push.health.judge import Changes, finding_id
from push.model.health import KINDS, Finding
from tests.support.clocks import RealClock
from tests.support.fresh import open_database
from tests.support.servers import Answer, Caller, serving, settings

HOUR_MS = 3_600_000
NOW_MS = RealClock().now_ms()


class House(NamedTuple):
    """A server with two stores, each with a gateway that is offline, and tokens of operators."""

    server: Caller
    tokens: dict[str, str]

    async def ask(self, who: str, method: str, path: str, body: object = None) -> Answer:
        return await self.server.call(method, path, self.tokens[who], body)

    async def findings(self, who: str, query: str = "") -> list[str]:
        answer = await self.ask(who, "GET", f"/v1/health/findings{query}")
        assert answer.status == 200, answer
        return [finding["subject"] for finding in answer.json["findings"]]


def known(subject: str) -> str:
    return f"/v1/health/findings/{finding_id('offline', subject)}/known"


def found(subject: str, store: str | None) -> Finding:
    return Finding(
        id=finding_id("offline", subject),
        kind="offline",
        subject_kind="gateway",
        subject=subject,
        store=store,
        severity="now",
        since_ms=NOW_MS - HOUR_MS,
        opened_ms=NOW_MS - HOUR_MS,
        says="Nothing came from it.",
        next_step="Look whether it has power.",
    )


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with serving(settings(tmp_path / "data")) as server:
        shelf = {"id": "shelf", "role": "fixture", "format": "uid", "static_id": "01" * 16, "store": "s1", "zone": "z"}
        registry: dict[str, Any] = {
            "stores": [{"id": name, "name": name, "time_zone": "America/New_York"} for name in ("s1", "s2")],
            "zones": [{"store": "s1", "id": "z", "name": "Z"}],
            "gateways": [{"gateway": {"id": f"g-{name}", "store": name}} for name in ("s1", "s2")],
            "beacons": [
                {"beacon": shelf},
                {"beacon": {"id": "card", "role": "tag", "format": "uid", "static_id": "02" * 16, "shopper": "ann"}},
            ],
        }
        await server.operate("PUT", "/v1/registry", registry)
        async with open_database(f"sqlite://{server.folder}/push.db", RealClock()) as db, db.transaction() as tx:
            changes = Changes([found("g-s1", "s1"), found("g-s2", "s2"), found("server", None)], [], [])
            await keeping.put_changes(tx, changes)
        tokens = {"all": server.operator}
        for role, stores in (("viewer", ["s1"]), ("editor", ["s1"])):
            body = {"scope": "operator", "subject": role, "role": role, "stores": stores}
            tokens[role] = (await server.operate("POST", "/v1/tokens", body))["token"]
        yield House(server, tokens)


async def test_who_is_kept_to_a_store_reads_what_is_wrong_there_and_nothing_else(house: House) -> None:
    assert set(await house.findings("all")) == {"g-s1", "g-s2", "server"}
    assert await house.findings("viewer") == ["g-s1"]
    assert await house.findings("viewer", "?store=s2") == []
    counts = (await house.ask("viewer", "GET", "/v1/health/findings")).json["counts"]
    assert counts == [{"kind": "offline", "severity": "now", "number": 1}]
    assert (await house.ask("viewer", "GET", "/v1/gateways/g-s1/health")).status == 200
    assert (await house.ask("viewer", "GET", "/v1/gateways/g-s2/health")).status == 404


async def test_editors_quieten_what_is_theirs_and_viewers_nothing(house: House) -> None:
    said = {"for_h": 2, "note": "ordered"}
    assert (await house.ask("viewer", "POST", known("g-s1"), said)).status == 403
    assert (await house.ask("editor", "POST", known("g-s2"), said)).status == 404
    answer = await house.ask("editor", "POST", known("g-s1"), said)
    assert answer.status == 200
    assert abs(answer.json["known_until_ms"] - (RealClock().now_ms() + 2 * HOUR_MS)) < 60_000
    assert answer.json["known_note"] == "ordered"
    assert await house.findings("editor", "?known=false") == []
    assert await house.findings("editor") == ["g-s1"]
    assert (await house.ask("editor", "GET", "/v1/health/findings")).json["counts"] == []
    trail = (await house.ask("all", "GET", "/v1/audit?action=know%20of%20finding")).json["items"]
    assert [(entry["subject"], entry["store"], entry["after"]["note"]) for entry in trail] == [
        ("offline g-s1", "s1", "ordered")
    ]
    back = await house.ask("editor", "DELETE", known("g-s1"))
    assert back.json["known_until_ms"] is None
    assert await house.findings("editor", "?known=false") == ["g-s1"]


async def test_quiet_for_today_ends_at_the_stores_midnight(house: House) -> None:
    answer = await house.ask("editor", "POST", known("g-s1"), {"today": True})
    until_ms = answer.json["known_until_ms"]
    assert 0 < until_ms - RealClock().now_ms() <= 25 * HOUR_MS
    assert until_ms // HOUR_MS % 24 in {4, 5}, "midnight in New York"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"for_h": 1, "today": True},
        {"until_ms": 1},
        {"for_h": -1},
        {"for_h": 1e9},
        {"for_h": 1, "note": "x" * 501},
        {"for_h": 1, "by": "me"},
    ],
)
async def test_what_makes_no_sense_is_refused_with_what_was_expected(house: House, body: dict[str, object]) -> None:
    answer = await house.ask("editor", "POST", known("g-s1"), body)
    assert answer.status == 400
    assert "expected" in answer.json["detail"].lower()


@pytest.mark.parametrize("query", ["?kind=nonsense", "?severity=never", "?open=maybe", "?known=1", "?shop=s1"])
async def test_a_filter_that_nobody_knows_is_refused(house: House, query: str) -> None:
    assert (await house.ask("all", "GET", f"/v1/health/findings{query}")).status == 400


async def test_each_kind_is_a_filter(house: House) -> None:
    for kind in KINDS:
        assert await house.findings("viewer", f"?kind={kind}") == (["g-s1"] if kind == "offline" else [])


async def test_evidence_is_there_before_anything_was_heard_and_of_people_there_is_none(house: House) -> None:
    beacon = (await house.ask("viewer", "GET", "/v1/beacons/shelf/health")).json
    assert (beacon["store"], beacon["last_ms"], beacon["heard_by"]) == ("s1", None, [])
    assert len(beacon["hours"]) == 24
    assert beacon["battery"]["why"] == "0 of 10 days are known"
    assert (await house.ask("all", "GET", "/v1/beacons/card/health")).status == 404
    gateway = (await house.ask("viewer", "GET", "/v1/gateways/g-s1/health")).json
    assert (gateway["online"], gateway["share"], gateway["status"]) == (False, None, None)
    assert [finding["kind"] for finding in gateway["findings"]] == ["offline"]
