"""What people were sent, as caps count it and fatigue weighs it: a row for each message that may have reached them."""

from collections.abc import Collection, Iterable
from typing import Final, Literal

import msgspec

from push.model.decisions import Occasion, Touch
from push.model.ports import Queries, Read, Row, Transaction

MOST: Final = 1_000
"""The highest number that a cap may give: the newest so many of anything are enough to count it."""
Outcome = Literal["sent", "shown", "opened", "dismissed", "less"]
_OUTCOMES: Final[tuple[Outcome, ...]] = ("sent", "shown", "dismissed", "opened", "less")
"""What she did of it, as `touches.of` numbers it: the last word counts for more than that she saw it."""


async def put(tx: Transaction, message: str, shopper: str, visit: str, touch: Touch) -> None:
    """Write down that a message is sent, in the transaction that decides it; once is enough."""
    await tx.execute(
        "touches.put",
        message=message,
        shopper=shopper,
        campaign=touch.campaign,
        tags=msgspec.json.encode(sorted(set(touch.tags))).decode(),
        channel=touch.channel,
        store=touch.store,
        visit=visit,
        at_ms=touch.at_ms,
    )


async def of(db: Queries, shopper: str, at: Occasion, since_ms: int, each: int = MOST) -> tuple[Touch, ...]:
    """What a person was sent since a time, every facet of her, the newest first; `at` says which visit is here.

    Of what is older, the newest `each` of every campaign, channel and store: as many as any cap allows that looks back
    further (`push.campaigns.caps.furthest`), so that none is counted short. It holds until the transaction ends where
    her consents are locked (`push.profiles.consent.standing_for_decision`).
    """
    asked = read(shopper, at, since_ms, each)
    return told(await db.fetch(asked.name, **asked.params))


def read(shopper: str, at: Occasion, since_ms: int, each: int = MOST) -> Read:
    """What `of` reads, for whoever reads other things in one go with it."""
    about = {"shopper": shopper, "store": at.store, "visit": at.visit}
    return Read("touches.of", {**about, "since_ms": since_ms, "newest": MOST, "each": each})


def told(rows: Iterable[Row]) -> tuple[Touch, ...]:
    """What `of` says of the rows of `read`."""
    return tuple(
        Touch(
            campaign=row["campaign"],
            tags=msgspec.json.decode(row["tags"], type=tuple[str, ...]),
            channel=row["channel"],
            store=row["store"],
            is_here=bool(row["is_here"]),
            at_ms=row["at_ms"],
            outcome=_OUTCOMES[row["outcome"] or 0],
        )
        for row in rows
    )


async def drop(tx: Transaction, messages: Collection[str]) -> None:
    """Take back what surely did not reach anybody."""
    if messages:
        await tx.execute("touches.drop", messages=msgspec.json.encode(sorted(messages)).decode())
