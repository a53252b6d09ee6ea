"""How problems are provoked with campaigns and stops: the lines of `tests.support.provoked` on these."""

from collections.abc import Mapping
from typing import Any, Final

from push.api.contract import Endpoint
from tests.support.provoking import Provoke, Stage, plainly
from tests.support.servers import Answer


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


_ONE: Final = "/v1/campaigns/{id}"
_ASK: Final = {"step": "ask"}
_BODIES: Final[Mapping[str, object]] = {"review": _ASK, "launch": None, "pause": None, "resume": None, "end": None}

CAMPAIGNS: Final[Mapping[tuple[str, str, int], Provoke]] = {
    ("GET", "/v1/decisions/{id}", 404): plainly(),
    ("POST", "/v1/decisions/{id}/replay", 404): plainly(),
    ("GET", _ONE, 404): plainly(),
    ("GET", f"{_ONE}/versions", 404): plainly(),
    ("PUT", _ONE, 412): unlike_seen("cam-1", written("cam-1")),
    ("PUT", f"{_ONE}/draft", 412): unlike_seen("cam-2", written("cam-2")),
    ("DELETE", _ONE, 404): plainly(),
    ("DELETE", _ONE, 409): once_more("cam-3"),
    ("DELETE", _ONE, 412): unlike_seen("cam-4"),
    **{("POST", f"{_ONE}/{name}", 404): plainly(body) for name, body in _BODIES.items()},
    **{("POST", f"{_ONE}/{name}", 409): once_more(f"cam-{name}", body) for name, body in _BODIES.items()},
    **{("POST", f"{_ONE}/{name}", 412): unlike_seen(f"cam-{name}", body) for name, body in _BODIES.items()},
    ("DELETE", "/v1/stops/{id}", 404): plainly(),
    ("DELETE", "/v1/stops/{id}", 409): ended_before,
}
