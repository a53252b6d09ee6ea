"""How problems are provoked with goods, and with files of people: the lines of `tests.support.provoked` on these."""

import asyncio
from collections.abc import Mapping
from typing import Final

from push.api.contract import Endpoint
from tests.support.provoking import Provoke, Stage, execute, plainly
from tests.support.servers import Answer


def unlike_seen(body: object = None) -> Provoke:
    """Change a product that never had this revision."""

    async def provoke(on: Stage, endpoint: Endpoint) -> Answer:
        await on.server.operate("PUT", "/v1/products/p1", {"id": "p1", "name": "P"})
        return await on.call(endpoint, body, match='"999"', id="p1")

    return provoke


async def another_import_of_people(on: Stage, endpoint: Endpoint) -> Answer:
    """While one is running, as the database says."""
    row = "'pim', 'people', 'csv', 'crm', 'ann', 0, 'running', 9999999999999, 9999999999999"
    columns = "id, kind, format, source, actor, dry_run, state, created_ms, touched_ms"
    await asyncio.to_thread(execute, on.database, f"INSERT INTO people_imports ({columns}) VALUES ({row})")  # noqa: S608 - our own
    answer = await on.call(endpoint)
    await asyncio.to_thread(execute, on.database, "DELETE FROM people_imports")
    return answer


GOODS: Final[Mapping[tuple[str, str, int], Provoke]] = {
    ("GET", "/v1/products/{id}", 404): plainly(),
    ("PUT", "/v1/products/{id}", 412): unlike_seen({"id": "p1", "name": "P"}),
    ("DELETE", "/v1/products/{id}", 404): plainly(),
    ("DELETE", "/v1/products/{id}", 412): unlike_seen(),
    ("GET", "/v1/stores/{store}/stock", 404): plainly(),
    ("PUT", "/v1/stores/{store}/stock", 404): plainly({"quantities": {}}),
    ("POST", "/v1/people/imports", 409): another_import_of_people,
    ("GET", "/v1/people/imports/{id}", 404): plainly(),
    ("GET", "/v1/people/imports/{id}/errors", 404): plainly(),
}
