"""What many would build at first: one JSON document a person, one an event, in PostgreSQL behind HTTP.

Nothing is sealed, nobody asked for consent, no merge can be taken back, and what is derived is summed up when it is
read. It finds people by a GIN index over their identifiers and takes a batch in one transaction.
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
from aiohttp import web
from aiohttp.test_utils import TestServer

SCHEMA: Final = """
CREATE TABLE profiles (id BIGSERIAL PRIMARY KEY, ids JSONB NOT NULL, doc JSONB NOT NULL);
CREATE INDEX profiles_by_ids ON profiles USING GIN (ids);
CREATE TABLE events (id TEXT PRIMARY KEY, profile BIGINT NOT NULL, doc JSONB NOT NULL);
CREATE INDEX events_by_profile ON events (profile);
"""
FIND: Final = "SELECT id FROM profiles WHERE ids ?| $1 ORDER BY id"
NEW: Final = "INSERT INTO profiles (ids, doc) VALUES ($1, '{}') RETURNING id"
IDENTIFY: Final = "UPDATE profiles SET doc = doc || $2, ids = ids || $3 WHERE id = $1"
TRACK: Final = "INSERT INTO events (id, profile, doc) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
MOVE: Final = "UPDATE events SET profile = $1 WHERE profile = $2"
JOIN: Final = """
UPDATE profiles AS a SET doc = b.doc || a.doc, ids = a.ids || b.ids FROM profiles AS b WHERE a.id = $1 AND b.id = $2
"""
MEMBER: Final = "SELECT EXISTS (SELECT 1 FROM profiles AS p WHERE p.id = $1 AND {condition})"


class Documents:
    """The store of documents."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self.pool = pool

    async def take(self, batch: Sequence[dict[str, Any]]) -> None:
        """Keep a batch, durably."""
        async with self.pool.acquire() as connection, connection.transaction():
            for message in batch:
                await _take(connection, message)

    async def find(self, user: str) -> int:
        """Whose profile a user's is."""
        row = await self.pool.fetchrow(FIND, [f"user:{user}"])
        assert row is not None
        found: int = row["id"]
        return found

    async def read(self, profile: int) -> dict[str, Any]:
        """A profile, with how often and for how much she bought."""
        row = await self.pool.fetchrow("SELECT doc FROM profiles WHERE id = $1", profile)
        rows = await self.pool.fetch("SELECT doc FROM events WHERE profile = $1", profile)
        assert row is not None
        bought = [doc for doc in (json.loads(each["doc"]) for each in rows) if doc["event"] == "Order Completed"]
        spent = sum(doc["properties"]["total"] for doc in bought)
        return {**json.loads(row["doc"]), "orders": len(bought), "spent": spent}

    async def member(self, profile: int, conditions: Sequence[str]) -> int:
        """In how many segments somebody is; each is a condition in SQL."""
        async with self.pool.acquire() as connection:
            found = [await connection.fetchval(MEMBER.format(condition=one), profile) for one in conditions]
        return sum(found)

    async def merge(self, kept: int, gone: int) -> None:
        """Make one profile of two, for good."""
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute(MOVE, kept, gone)
            await connection.execute(JOIN, kept, gone)
            await connection.execute("DELETE FROM profiles WHERE id = $1", gone)


async def _take(connection: Any, message: dict[str, Any]) -> None:  # noqa: ANN401 - the pool's proxy has no type of its own
    ids = [f"user:{message['userId']}", *([f"anon:{message['anonymousId']}"] if "anonymousId" in message else ())]
    row = await connection.fetchrow(FIND, ids)
    profile = row["id"] if row else await connection.fetchval(NEW, json.dumps(ids))
    if message["type"] == "identify":
        await connection.execute(IDENTIFY, profile, json.dumps(message["traits"]), json.dumps(ids))
    else:
        await connection.execute(TRACK, message["messageId"], profile, json.dumps(message))


@asynccontextmanager
async def serving(url: str) -> AsyncIterator[tuple[Documents, str]]:
    """The store, and the address of its ``/batch``, in an empty database."""
    pool = await asyncpg.create_pool(url, min_size=4, max_size=4)
    await pool.execute(SCHEMA)
    documents = Documents(pool)

    async def batch(request: web.Request) -> web.Response:
        await documents.take((await request.json())["batch"])
        return web.json_response({"success": True})

    app = web.Application(client_max_size=2**24)
    app.router.add_post("/batch", batch)
    async with TestServer(app) as server:
        yield documents, str(server.make_url("/batch"))
    await pool.close()
