"""Campaigns as they are kept: the newest text of each, the version that speaks, and every version before."""

import asyncio
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from push.campaigns.book import Versioned
from push.model.campaigns import Campaign, CampaignState
from push.model.ports import Queries, Row

MOST: Final = 500
"""Campaigns, or versions, of a page."""
Stage = Literal["draft", "review", "reviewed", "launched"]


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign as somebody wrote it: who, who asked for its review, who found it good, and when it first spoke.

    `by_two` is whether somebody reviewed it who had not written it.
    """

    version: int
    stage: Stage
    made_by: str
    made_ms: int
    asked_by: str | None
    asked_ms: int | None
    reviewed_by: str | None
    reviewed_ms: int | None
    by_two: bool
    live_ms: int | None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign: its newest version, and the one that speaks (None: none ever did).

    `state` is "draft" or "review" until it is launched; a newer draft of a campaign that was has its own `stage`.
    """

    id: str
    name: str
    state: CampaignState
    campaign: Campaign
    newest: Version
    live_version: int | None
    revision: int
    changed_by: str
    changed_ms: int


async def get(db: Queries, name: str) -> Record | None:
    """A campaign, None where there is none."""
    row = await db.fetch_one("campaigns.get", id=name)
    return None if row is None else _record(row)


async def page(db: Queries, after: str, most: int) -> list[Record]:
    """Campaigns by id."""
    return [_record(row) for row in await db.fetch("campaigns.page", after=after, most=min(most, MOST))]


async def versions(db: Queries, name: str, before: int, most: int) -> list[Version]:
    """Versions of a campaign below one, the newest first."""
    rows = await db.fetch("campaigns.versions", campaign=name, before=before, most=min(most, MOST))
    return [_version(row) for row in rows]


async def version(db: Queries, name: str, number: int) -> Campaign | None:
    """What a version says; None where there is none, or not any more."""
    row = await db.fetch_one("campaigns.version", campaign=name, version=number)
    return None if row is None else msgspec.json.decode(row["definition"], type=Campaign)


async def live(db: Queries) -> list[Versioned]:
    """The campaigns that speak, each as the version that was launched."""
    rows = await db.fetch("campaigns.live")
    return await asyncio.to_thread(_versioned, rows)  # of ten thousand it takes a fifth of a second


def _versioned(rows: Sequence[Row]) -> list[Versioned]:
    return [Versioned(msgspec.json.decode(row["definition"], type=Campaign), row["version"]) for row in rows]


async def in_force(db: Queries) -> list[Campaign]:
    """The campaigns that speak or are paused, as `put_live` takes them again."""
    rows = await db.fetch("campaigns.in_force")
    return [
        msgspec.structs.replace(msgspec.json.decode(row["definition"], type=Campaign), live=row["state"] == "live")
        for row in rows
    ]


def _record(row: Row) -> Record:
    campaign = msgspec.json.decode(row["definition"], type=Campaign)
    return Record(
        id=row["id"],
        name=campaign.name,
        state=row["state"],
        campaign=campaign,
        newest=_version(row),
        live_version=row["live_version"],
        revision=row["revision"],
        changed_by=row["changed_by"],
        changed_ms=row["updated_ms"],
    )


def _version(row: Row) -> Version:
    return Version(
        version=row["version"],
        stage=_stage(row),
        made_by=row["made_by"],
        made_ms=row["made_ms"],
        asked_by=row["asked_by"],
        asked_ms=row["asked_ms"],
        reviewed_by=row["reviewed_by"],
        reviewed_ms=row["reviewed_ms"],
        by_two=row["reviewed_by"] is not None and row["reviewed_by"] != row["made_by"],
        live_ms=row["live_ms"],
    )


def _stage(row: Row) -> Stage:
    if row["live_ms"] is not None:
        return "launched"
    if row["reviewed_by"] is not None:
        return "reviewed"
    return "draft" if row["asked_by"] is None else "review"
