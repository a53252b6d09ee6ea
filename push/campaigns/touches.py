"""What people were sent, as caps count it and fatigue weighs it: a row for each message that may have reached them."""

from collections.abc import Collection, Iterable
from typing import Final, Literal, NamedTuple

import msgspec

from push.model.decisions import Occasion, Touch
from push.model.ports import Queries, Read, Row, Transaction, Write

MOST: Final = 1_000
"""The highest number that a cap may give: the newest so many of anything are enough to count it."""
Outcome = Literal["sent", "shown", "opened", "dismissed", "less"]
_OUTCOMES: Final[tuple[Outcome, ...]] = ("sent", "shown", "dismissed", "opened", "less")
"""What she did of it, as `touches.of` numbers it: the last word counts for more than that she saw it."""


class Put(NamedTuple):
    """A message that is sent, to whom, in which visit ("": in none), and what caps count of it."""

    message: str
    shopper: str
    visit: str
    touch: Touch


def written(sent: Iterable[Put]) -> Write:
    """What writes down that messages are sent, in the transaction that decides it; once is enough."""
    return Write("touches.put", [_row(each) for each in sent])


def _row(sent: Put) -> dict[str, object]:
    touch = sent.touch
    return {
        "message": sent.message,
        "shopper": sent.shopper,
        "campaign": touch.campaign,
        "tags": msgspec.json.encode(sorted(set(touch.tags))).decode(),
        "channel": touch.channel,
        "store": touch.store,
        "visit": sent.visit,
        "at_ms": touch.at_ms,
    }


async def of(db: Queries, shopper: str, at: Occasion, since_ms: int, each: int = MOST) -> tuple[Touch, ...]:
    """What a person was sent since a time, every facet of her, the newest first; `at` says which visit is here.

    Of what is older, the newest `each` of every campaign, channel and store: as many as any cap allows that looks back
    further (`push.campaigns.caps.furthest`), so that none is counted short. It holds until the transaction ends where
    her consents are locked (`push.profiles.consent.standing_for_decision`).
    """
    asked = read([shopper], [at], since_ms, each)
    return told(await db.fetch(asked.name, **asked.params), at)


def read(shoppers: Collection[str], at: Iterable[Occasion], since_ms: int, each: int = MOST) -> Read:
    """What `of` reads, of several at once: for whoever reads other things in one go with it."""
    places = list(at)
    about = {
        "shoppers": _listed(shoppers),
        "visits": _listed(each.visit for each in places if each.visit),
        "stores": _listed(each.store for each in places if each.store),
    }
    return Read("touches.of", {**about, "since_ms": since_ms, "newest": MOST, "each": each})


def told(rows: Iterable[Row], at: Occasion) -> tuple[Touch, ...]:
    """What `of` says of those rows of `read` that are hers."""
    return tuple(
        Touch(
            campaign=row["campaign"],
            tags=msgspec.json.decode(row["tags"], type=tuple[str, ...]),
            channel=row["channel"],
            store=row["store"],
            is_here=row["open_in"] == at.store or bool(at.visit and row["visit"] == at.visit),
            at_ms=row["at_ms"],
            outcome=_OUTCOMES[row["outcome"] or 0],
        )
        for row in rows
    )


async def drop(tx: Transaction, messages: Collection[str]) -> None:
    """Take back what surely did not reach anybody."""
    if messages:
        await tx.execute("touches.drop", messages=_listed(messages))


def _listed(ids: Iterable[str]) -> str:
    return msgspec.json.encode(sorted({*ids})).decode()
