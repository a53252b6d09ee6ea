"""What real shoppers bought: CDNOW's sample and every tenth household of the complete journey, from tests/data."""

import csv
import datetime as dt
import io
import lzma
from pathlib import Path
from typing import NamedTuple

from push.model.profiles import Identifier, Json, Statement

DATA = Path(__file__).parent.parent / "data" / "purchases"


class Purchase(NamedTuple):
    who: str
    at_s: int
    cents: int


def cdnow() -> list[Purchase]:
    """6,919 purchases of 2,357 customers, from January 1997 to June 1998."""
    text = lzma.decompress((DATA / "cdnow-sample.txt.xz").read_bytes()).decode()
    rows = (line.split() for line in text.splitlines())
    return [Purchase(who, at_s(day), round(float(dollars) * 100)) for _, who, day, _, dollars in rows]


def journey() -> list[Purchase]:
    """16,553 baskets of 247 households, in 2017."""
    text = lzma.decompress((DATA / "complete-journey.csv.xz").read_bytes()).decode()
    return [
        Purchase(row["household"], int(row["unix_s"]), int(row["cents"])) for row in csv.DictReader(io.StringIO(text))
    ]


def order(number: int, bought: Purchase) -> Statement:
    """A purchase as a till tells it."""
    said: dict[str, Json] = {
        "order_id": f"o-{number}",
        "total": f"{bought.cents / 100:.2f}",
        "currency": "USD",
        "products": [{"product_id": "p1", "quantity": 1}],
    }
    return event("Order Completed", bought.at_s * 1000, f"st-{number}", bought.who, said)


def event(name: str, at_ms: int, statement: str, who: str = "ada", said: dict[str, Json] | None = None) -> Statement:
    """Something that a till or page says of somebody."""
    return Statement(
        id=statement,
        home=Identifier("user_id", who),
        kind="track",
        name=name,
        properties=said or {},
        source="till",
        at_ms=at_ms,
        received_ms=at_ms,
    )


def at_s(day: str) -> int:
    """The beginning of a day, in UTC; of `2025-01-01T12:00`, that very time."""
    return int(dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC).timestamp())
