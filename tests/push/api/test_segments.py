"""Segments over real HTTP, on both databases: saved, counted, explained, compared, and never over another's change."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from push.profiles.settings import ProfileSettings
from tests.support.people import first_admin, hired
from tests.support.segmented import fact
from tests.support.servers import Answer, Caller, becomes, serving, settings

BERLIN = fact("traits.city", "is", "Berlin")
BUYER = {"kind": "did", "event": "Order Completed", "least": 1, "within_days": 30}
ONE = "/v1/segments/berlin"
OTHER = "/v1/segments/buyers"


class Shop(NamedTuple):
    """A server, and a till of its own."""

    server: Caller
    key: str

    async def say(self, what: str, who: str, **said: Any) -> None:  # noqa: ANN401 - of a statement
        """What a retailer's system says of somebody, with what she agreed to."""
        agreed = {"consent": {"categoryPreferences": {"all": True}}}
        body = {"userId": who, "messageId": f"{who}-{what}-{sorted(said)}-{said}"[:200], "context": agreed, **said}
        answer = await self.server.call("POST", f"/v1/{what}", self.key, body)
        assert answer.status == 200, answer

    async def put(self, path: str, rule: object, **headers: str) -> Answer:
        body = {"name": "Some", "rule": rule}
        return await self.server.call("PUT", path, self.server.operator, body, headers=headers)

    async def members(self, path: str, n: int) -> list[str]:
        """Who is in a segment, once everybody was asked and there are so many."""

        async def there() -> bool:
            told = await self.server.operate("GET", path)
            return told["building"] is None and told["members"] == n

        await becomes(there, f"{path} has {n} members")
        page = await self.server.operate("GET", f"{path}/members")
        return [member["person"] for member in page["items"]]


@pytest.fixture
async def shop(any_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    profiles = ProfileSettings(minimum_age=0, consent_categories={"all": ("profiling",)})
    async with serving(settings(tmp_path / "data", database_url=any_url, profiles=profiles)) as server:
        token = await server.operate("POST", "/v1/tokens", {"scope": "collector", "subject": "till"})
        yield Shop(server, token["token"])


async def test_a_segment_is_saved_counted_and_follows_what_people_do(shop: Shop) -> None:
    await shop.say("identify", "ann", traits={"city": "Berlin"})
    await shop.say("identify", "bob", traits={"city": "Bonn"})
    put = await shop.put(ONE, BERLIN)
    assert (put.status, put.json["revision"], put.headers["ETag"]) == (200, 1, '"1"')
    [ann] = await shop.members(ONE, 1)
    await shop.say("identify", "bob", traits={"city": "Berlin"})
    both = await shop.members(ONE, 2)
    assert ann in both
    await shop.say("identify", "ann", traits={"city": "Rome"})
    [bob] = await shop.members(ONE, 1)
    assert {ann, bob} == {*both}
    told = await shop.server.operate("GET", f"{ONE}/explain?shopper={ann}")
    assert (told["inside"], told["rule"]["seen"], told["rule"]["holds"]) == (False, "Rome", False)
    listed = await shop.server.operate("GET", "/v1/segments?limit=1")
    assert [(item["id"], item["members"]) for item in listed["items"]] == [("berlin", 1)]
    assert (await shop.server.operate("GET", f"/v1/segments?after={listed['after']}"))["items"] == []
    assert len(await shop.members(ONE, 1)) == 1
    trail = await shop.server.operate("GET", "/v1/audit?subject=segment+berlin")
    assert [entry["action"] for entry in trail["items"]] == ["put segment"]
    assert trail["items"][0]["after"]["rule"]["value"] == "…", "what rules compare with may be somebody's mailbox"


async def test_who_buys_enters_and_segments_overlap(shop: Shop) -> None:
    for who in ("ann", "bob", "eve"):
        await shop.say("identify", who, traits={"city": "Berlin"})
    await shop.put(ONE, BERLIN)
    await shop.put(OTHER, BUYER)
    await shop.members(ONE, 3)
    for who in ("ann", "bob"):
        await shop.say("track", who, event="Order Completed", properties={"order_id": who, "total": 9})
    await shop.members(OTHER, 2)
    assert await shop.server.operate("GET", "/v1/segments/overlap?segments=berlin,buyers") == [
        {"a": "berlin", "b": "buyers", "members": 2}
    ]
    told = await shop.server.operate("POST", "/v1/segments/preview", {"rule": {"kind": "not", "of": BUYER}})
    assert (told["people"], told["estimate"], told["is_exact"]) == (3, 1, True)


async def test_withdrawing_leaves_every_segment(shop: Shop) -> None:
    await shop.say("identify", "ann", traits={"city": "Berlin"})
    await shop.put(ONE, BERLIN)
    [ann] = await shop.members(ONE, 1)
    no = {"consent": {"categoryPreferences": {"all": False}}}
    await shop.say("identify", "ann", traits={"mood": "none of your business"}, context=no)
    await shop.members(ONE, 0)
    told = await shop.server.operate("GET", f"{ONE}/explain?shopper={ann}")
    assert (told["inside"], told["rule"]) == (False, None)


async def test_what_stands_is_not_written_over(shop: Shop) -> None:
    await shop.put(ONE, BERLIN)
    assert (await shop.put(ONE, BUYER, **{"If-None-Match": "*"})).status == 412
    assert (await shop.put(ONE, BUYER, **{"If-Match": '"1"'})).status == 200
    stale = await shop.server.call("DELETE", ONE, shop.server.operator, headers={"If-Match": '"1"'})
    assert stale.status == 412
    await shop.put(OTHER, {"kind": "segment", "segment": "berlin"})
    assert (await shop.server.call("DELETE", ONE, shop.server.operator)).status == 409
    for path in (OTHER, ONE):
        assert (await shop.server.call("DELETE", path, shop.server.operator)).status == 204
    for method, path in (("GET", ONE), ("DELETE", ONE), ("GET", f"{ONE}/members"), ("GET", f"{ONE}/explain?shopper=a")):
        assert (await shop.server.call(method, path, shop.server.operator)).status == 404, path


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"kind": "all", "of": [BERLIN, {"kind": "sql"}]}, "rule.of[1]: an object was expected, its `kind` one of"),
        (fact("figures.luck", "known"), "there is no fact 'figures.luck'"),
        ({"kind": "segment", "segment": "berlin"}, "in a circle: berlin > berlin"),
    ],
)
async def test_a_rule_that_cannot_be_is_refused_with_where_and_why(shop: Shop, rule: object, said: str) -> None:
    told = await shop.put(ONE, rule)
    assert (told.status, told.json["title"]) == (400, "Does not fit")
    assert said in told.json["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/segments/overlap", "/v1/segments/overlap?segments=a", "/v1/segments/overlap?segments=a,a",
        "/v1/segments/berlin/explain", "/v1/segments?limit=0",
    ],
)  # fmt: skip
async def test_what_is_asked_badly_is_answered_so(shop: Shop, path: str) -> None:
    assert (await shop.server.call("GET", path, shop.server.operator)).status == 400
    assert (await shop.put("/v1/segments/no%20name", BERLIN)).status == 400
    assert (await shop.server.call("GET", "/v1/segments/overlap?segments=a,b", shop.server.operator)).status == 404


async def test_a_builder_learns_what_rules_may_read(shop: Shop) -> None:
    facts = {each["name"]: each for each in await shop.server.operate("GET", "/v1/segments/facts")}
    assert facts["figures.orders"]["type"] == "number"
    assert "at_least" in facts["figures.orders"]["operators"]
    assert "every_year_in_days" in facts["traits.*"]["operators"]
    assert facts["stays"]["operators"] == []


async def test_viewers_see_how_many_and_never_who(shop: Shop) -> None:
    await first_admin(shop.server)
    await shop.put(ONE, BERLIN)
    viewer, editor = [await hired(shop.server, role, role) for role in ("viewer", "editor")]
    for path, seen in (("/v1/segments", 200), (ONE, 200), (f"{ONE}/members", 403), (f"{ONE}/explain?shopper=a", 403)):
        assert (await shop.server.call("GET", path, headers=viewer.headers)).status == seen
    for n in range(6):
        await shop.say("identify", f"guest-{n}", traits={"city": "Berlin"})
    [somebody, *_] = await shop.members(ONE, 6)
    counts = {
        who.login: (await shop.server.call("GET", ONE, headers=who.headers)).json["members"] for who in (viewer, editor)
    }
    assert counts == {"viewer": 5, "editor": 6}
    [listed] = (await shop.server.call("GET", "/v1/segments", headers=viewer.headers)).json["items"]
    assert listed["members"] == 5
    explained = await shop.server.call("GET", f"{ONE}/explain?shopper={somebody}", headers=editor.headers)
    assert explained.json["inside"] is True
    [look] = (await shop.server.operate("GET", "/v1/audit?action=explain+segment"))["items"]
    assert (look["actor"], look["after"]) == ("operator:editor", {"shopper": somebody, "segment": "berlin"})
    body = {"name": "Mine", "rule": BERLIN}
    assert (await shop.server.call("PUT", ONE, body=body, headers=viewer.headers)).status == 403
    assert (await shop.server.call("PUT", ONE, body=body, headers=editor.headers)).status == 200
