"""Registered beacons from the database into columns: page by page, keys opened in a thread."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Final

import numpy as np
import structlog

from push.model.ports import Queries, Row
from push.model.vault import Vault
from push.registry.tags import Change, Tags, entries

PAGE: Final = 5_000
"""Beacons read in one go: some hundredths of a second in a thread."""
_LOG_EVERY: Final = 100_000

log = structlog.get_logger()


async def load(db: Queries, vault: Vault) -> Tags:
    """All registered beacons. Raises `push.model.vault.SealError` under a wrong master key."""
    row = await db.fetch_one("resolver.count")
    expected = 0 if row is None else int(row["beacons"])
    tags = await asyncio.to_thread(Tags, expected)
    async for rows in _pages(db):
        await asyncio.to_thread(_enter, tags, rows, vault)
        if tags.count % _LOG_EVERY < len(rows):
            log.info("reading beacons", read=tags.count, of=expected)
    return tags


async def change(db: Queries, vault: Vault, tags: Tags, ids: Sequence[str]) -> AsyncIterator[Change]:
    """What is registered of these by now, compared to what `tags` holds; each change is to be applied before the next.

    Raises `push.model.vault.SealError`.
    """
    for begin in range(0, len(ids), PAGE):
        asked = ids[begin : begin + PAGE]
        rows = await db.fetch("resolver.some", ids=json.dumps(asked))
        yield await asyncio.to_thread(_planned, tags, rows, vault, asked)


async def changes(db: Queries, vault: Vault, tags: Tags) -> AsyncIterator[Change]:
    """As `change`, for everything that is registered by now."""
    before, seen = tags.used, np.zeros(tags.used, dtype=bool)
    async for rows in _pages(db):
        planned = await asyncio.to_thread(_planned, tags, rows, vault, ())
        seen[planned.held[~planned.is_new]] = True
        yield planned
    left = tags.all()
    left = left[left < before]
    left = left[~seen[left]]
    for begin in range(0, len(left), PAGE):
        removed = [tags.id(position) for position in left[begin : begin + PAGE].tolist()]
        yield await asyncio.to_thread(_planned, tags, (), vault, removed)


async def _pages(db: Queries) -> AsyncIterator[Sequence[Row]]:
    rows = await db.fetch("resolver.page", after="", most=PAGE)
    while rows:
        yield rows
        rows = await db.fetch("resolver.page", after=rows[-1]["id"], most=PAGE) if len(rows) == PAGE else []


def _enter(tags: Tags, rows: Sequence[Row], vault: Vault) -> None:
    tags.apply(tags.plan(entries(rows, vault)))


def _planned(tags: Tags, rows: Sequence[Row], vault: Vault, asked: Sequence[str]) -> Change:
    """What rows change; what was asked for and has no row is to go."""
    found = {row["id"] for row in rows}
    return tags.plan(entries(rows, vault), [beacon for beacon in asked if beacon not in found])
