"""How problems are provoked with segments: the lines of `tests.support.provoked` on these."""

from collections.abc import Mapping
from typing import Final

from push.api.contract import Endpoint
from tests.support.provoking import Provoke, Stage, plainly
from tests.support.segmented import fact
from tests.support.servers import Answer

_BODY: Final = {"name": "Some", "rule": fact("traits.city", "is", "Berlin")}


def unlike_seen(body: object = None) -> Provoke:
    """Change a segment that never had this revision."""

    async def provoke(on: Stage, endpoint: Endpoint) -> Answer:
        await on.server.operate("PUT", "/v1/segments/seg-1", _BODY)
        return await on.call(endpoint, body, match='"999"', id="seg-1")

    return provoke


async def asked_for(on: Stage, endpoint: Endpoint) -> Answer:
    """Delete a segment that another asks for."""
    await on.server.operate("PUT", "/v1/segments/seg-2", _BODY)
    other = {"name": "Other", "rule": {"kind": "segment", "segment": "seg-2"}}
    await on.server.operate("PUT", "/v1/segments/seg-3", other)
    return await on.call(endpoint, id="seg-2")


SEGMENTS: Final[Mapping[tuple[str, str, int], Provoke]] = {
    ("POST", "/v1/feeds/{feed}", 404): plainly({"store": "nowhere"}),
    ("GET", "/v1/segments/overlap", 404): plainly(query="?segments=a,b"),
    ("GET", "/v1/segments/preview/count", 404): plainly(),
    ("GET", "/v1/segments/{id}", 404): plainly(),
    ("PUT", "/v1/segments/{id}", 412): unlike_seen(_BODY),
    ("DELETE", "/v1/segments/{id}", 404): plainly(),
    ("DELETE", "/v1/segments/{id}", 409): asked_for,
    ("DELETE", "/v1/segments/{id}", 412): unlike_seen(),
    ("GET", "/v1/segments/{id}/members", 404): plainly(),
    ("GET", "/v1/segments/{id}/explain", 404): plainly(query="?shopper=nobody"),
}
