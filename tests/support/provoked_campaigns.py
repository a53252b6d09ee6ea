"""How problems are provoked with campaigns and stops: the lines of `tests.support.provoked` on these."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from push.api.contract import Endpoint
from push.enrolment.limits import TILL
from push.model.ids import fresh
from tests.support.provoking import NOTHING, Provoke, Stage, execute, plainly
from tests.support.servers import STORE, Answer


def written(name: str) -> dict[str, Any]:
    """A campaign, as it is put."""
    return {"id": name, "name": "Some", "trigger": {"kind": "store_entered"}, "template": {"title": "Hello"}}


def unlike_seen(name: str, body: object = None) -> Provoke:
    """Change a campaign that never had this revision."""

    async def provoke(on: Stage, endpoint: Endpoint) -> Answer:
        await on.server.operate("PUT", f"/v1/campaigns/{name}", written(name))
        return await on.call(endpoint, body, match='"999"', id=name)

    return provoke


def once_more(name: str, body: object = None) -> Provoke:
    """Ask a live campaign for what it is not ready for, or has done."""

    async def provoke(on: Stage, endpoint: Endpoint) -> Answer:
        await on.server.operate("PUT", f"/v1/campaigns/{name}", written(name))
        answer = await on.call(endpoint, body, id=name)
        return answer if answer.status >= 400 else await on.call(endpoint, body, id=name)

    return provoke


async def ended_before(on: Stage, endpoint: Endpoint) -> Answer:
    """End a stop that somebody ended."""
    stop = await on.server.operate("POST", "/v1/stops", {"scope": "store:s9", "why": "a test"})
    assert (await on.call(endpoint, id=stop["id"])).status == 204
    return await on.call(endpoint, id=stop["id"])


async def unlike_what_holds(on: Stage, endpoint: Endpoint) -> Answer:
    """Say how apps show offers, having seen what never was."""
    return await on.call(endpoint, {}, match='"999"')


def pooled(name: str, kind: str = "list") -> dict[str, Any]:
    """A pool of coupons, as it is made."""
    return {"id": name, "name": "Some", "kind": kind, "reward": "a coffee"}


def pooled_before(name: str, body: object = None) -> Provoke:
    """Ask a pool that makes its codes itself for what it has, or does not do."""

    async def provoke(on: Stage, endpoint: Endpoint) -> Answer:
        made = await on.server.call("POST", "/v1/coupon-pools", on.server.operator, pooled(name, "signed"))
        assert made.status == 201
        return await on.call(endpoint, body, id=name)

    return provoke


def given_before(**said: object) -> Provoke:
    """Redeem a code that somebody has had, of whom this is known."""

    async def provoke(on: Stage, endpoint: Endpoint) -> Answer:
        name = fresh("pool")
        await on.server.operate("POST", "/v1/coupon-pools", pooled(name))
        code, headers = fresh("x").replace("_", ""), {**on.credential(endpoint), "Content-Type": "text/plain"}
        filled = await on.server.call("POST", f"/v1/coupon-pools/{name}/codes", headers=headers, data=code.encode())
        assert filled.status == 200
        known = ", ".join(f"{column} = {value}" for column, value in said.items())
        await asyncio.to_thread(execute, on.database, f"UPDATE coupons SET {known} WHERE pool = '{name}'")  # noqa: S608 - our own
        return await on.call(endpoint, {"code": code, "store": STORE})

    return provoke


async def guessed(on: Stage, endpoint: Endpoint) -> Answer:
    """Try codes until one has to wait."""
    for _ in range(2 * TILL.burst):
        answer = await on.call(endpoint, {"code": "NOSUCH", "store": STORE})
        if answer.status == 429:
            break
    return answer


_POOL: Final = "/v1/coupon-pools/{id}"
_REDEEM: Final = "/v1/coupons/redeem"
_ONE: Final = "/v1/campaigns/{id}"
_ASK: Final = {"step": "ask"}
_BODIES: Final[Mapping[str, object]] = {"review": _ASK, "launch": None, "pause": None, "resume": None, "end": None}

CAMPAIGNS: Final[Mapping[tuple[str, str, int], Provoke]] = {
    ("GET", "/v1/decisions/{id}", 404): plainly(),
    ("POST", "/v1/decisions/{id}/replay", 404): plainly(),
    ("GET", _ONE, 404): plainly(),
    ("GET", f"{_ONE}/results", 404): plainly(),
    ("GET", f"{_ONE}/versions", 404): plainly(),
    ("PUT", _ONE, 412): unlike_seen("cam-1", written("cam-1")),
    ("PUT", f"{_ONE}/draft", 412): unlike_seen("cam-2", written("cam-2")),
    ("DELETE", _ONE, 404): plainly(),
    ("DELETE", _ONE, 409): once_more("cam-3"),
    ("DELETE", _ONE, 412): unlike_seen("cam-4"),
    **{("POST", f"{_ONE}/{name}", 404): plainly(body) for name, body in _BODIES.items()},
    **{("POST", f"{_ONE}/{name}", 409): once_more(f"cam-{name}", body) for name, body in _BODIES.items()},
    **{("POST", f"{_ONE}/{name}", 412): unlike_seen(f"cam-{name}", body) for name, body in _BODIES.items()},
    ("POST", "/v1/coupon-pools", 409): pooled_before("pool-1", pooled("pool-1")),
    ("GET", _POOL, 404): plainly(),
    ("PUT", _POOL, 404): plainly(pooled(NOTHING)),
    ("PUT", _POOL, 409): pooled_before("pool-2", pooled("pool-2")),
    ("POST", f"{_POOL}/codes", 404): plainly(),
    ("POST", f"{_POOL}/codes", 409): pooled_before("pool-3"),
    ("POST", _REDEEM, 404): plainly({"code": "NOSUCH", "store": STORE}),
    ("POST", _REDEEM, 409): given_before(taken_ms=1, expires_ms=2, redeemed_ms=1, redeemed_store="'altona'"),
    ("POST", _REDEEM, 410): given_before(taken_ms=1, expires_ms=2),
    ("POST", _REDEEM, 422): plainly({"code": "AAAA-AAAA-AAAA-AAAB", "store": STORE}),
    ("POST", _REDEEM, 429): guessed,
    ("PUT", "/v1/experiences", 412): unlike_what_holds,
    ("DELETE", "/v1/stops/{id}", 404): plainly(),
    ("DELETE", "/v1/stops/{id}", 409): ended_before,
}
