"""Lists of what happened hold what happened in the stores of who asks, and as many of that as there may be."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest

from push.api import insight
from push.campaigns import outbox
from push.model.decisions import Decision, Receipt
from push.model.ports import Transaction
from push.profiles import keys, people
from push.profiles.keys import DataKey
from tests.support.clocks import RealClock
from tests.support.fresh import open_database
from tests.support.keyrings import keyring_of
from tests.support.people import Person, hired
from tests.support.servers import Caller, serving, settings

STORES = ("s1", "s2")


class Chain(NamedTuple):
    """A server with two stores where something happened, and an editor of each."""

    server: Caller
    of: dict[str, Person]

    async def seen(self, path: str, store: str | None) -> list[str]:
        """The stores of what is listed, in order, to the editor of a store; None: to whoever sees all."""
        headers = {} if store is None else self.of[store].headers
        token = self.server.operator if store is None else None
        answer = await self.server.call("GET", path, token, headers=headers)
        assert answer.status == 200, answer
        return [row.get("store", row["id"].partition("-")[0]) for row in answer.json]


@pytest.fixture
async def chain(any_url: str, tmp_path: Path) -> AsyncIterator[Chain]:
    async with serving(settings(tmp_path / "data", database_url=any_url)) as server:
        stores = [{"id": store, "name": store} for store in STORES]
        await server.operate("PUT", "/v1/registry", {"stores": stores})
        url = any_url or f"sqlite://{server.folder}/push.db"
        keyring = await keyring_of(server.folder)
        async with open_database(url, RealClock()) as db, db.transaction() as tx:
            await people.ensure_shopper(tx, "ada", 0)
            key = (await keys.ensure(tx, keyring, ["ada"]))["ada"]
            for n in range(6):
                await happen(tx, key, STORES[n % 2], n)
        yield Chain(server, {store: await hired(server, f"editor-{store}", "editor", [store]) for store in STORES})


async def happen(tx: Transaction, key: DataKey, store: str, at_ms: int) -> None:
    """A visit with its moment and decision."""
    id_ = f"{store}-{at_ms}"
    visit = {"id": id_, "store": store, "shopper": "ada", "entered_ms": at_ms, "heard_ms": at_ms}
    await tx.execute("ingest.open_visit", **visit)
    moment = {"kind": "store_entered", "zone": None, "visit": id_, "mark_s": 0, "at_ms": at_ms, "received_ms": at_ms}
    sure = {"confidence": 0.9, "triggers": True}
    await tx.execute("ingest.moment", id=id_, store=store, shopper="ada", heard_ms=at_ms, **moment, **sure)
    decision = Decision(id=id_, moment=id_, shopper="ada", store=store, campaign=None, considered=(), decided_ms=at_ms)
    await tx.execute_many(*outbox.decisions({"ada": key}, [Receipt(decision=decision, inputs=None)]))


@pytest.mark.parametrize("path", ["/v1/visits", "/v1/moments", "/v1/decisions", "/v1/decisions?shopper=ada"])
async def test_a_list_holds_what_happened_in_her_stores(
    chain: Chain, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sorted(await chain.seen(path, None)) == ["s1"] * 3 + ["s2"] * 3
    for store in STORES:
        assert await chain.seen(path, store) == [store] * 3
    monkeypatch.setattr(insight, "MOST", 2)
    for store in STORES:
        assert await chain.seen(path, store) == [store] * 2


async def test_deliveries_are_of_the_stores_where_their_visits_were(chain: Chain) -> None:
    phone = await chain.server.phone(marketing=True, inapp=True)
    body = {
        "to": {"shopper": phone.shopper}, "basis": "marketing", "content": {"title": "Hello", "body": ""},
    }  # fmt: skip
    [sent] = (await chain.server.operate("POST", "/v1/messages", body))["messages"]
    path = f"/v1/deliveries/{sent['delivery']}"
    assert len((await chain.server.call("GET", "/v1/deliveries", chain.server.operator)).json) == 1
    for store in STORES:
        assert (await chain.server.call("GET", path, headers=chain.of[store].headers)).status == 404
        for query in ("", "?state=failed", f"?shopper={phone.shopper}"):
            assert (
                await chain.server.call("GET", f"/v1/deliveries{query}", headers=chain.of[store].headers)
            ).json == []
