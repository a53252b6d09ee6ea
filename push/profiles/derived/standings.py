"""Where each person stands, and what she counts among everyone: changed when what she did changes, never by a scan."""

from collections.abc import Collection, Mapping
from typing import Final, Protocol

import msgspec

from push.model.ports import Row, Transaction
from push.profiles.consent import allows_profiling
from push.profiles.derived import signals, sketches, store
from push.profiles.derived.features import Features
from push.profiles.derived.money import Purchases, purchases
from push.profiles.derived.rhythm import DAY_S
from push.profiles.derived.signals import NO_SIGNALS, Signals, of_segment
from push.profiles.derived.sketches import Counts, money_bucket
from push.profiles.identity.facets import listed
from push.profiles.keys import Keyring

MOST_COUNTED: Final = 10_000
"""Orders that are told apart; who has more stands with those."""
Counted = dict[str, dict[int, int]]
"""By sketch and bucket, as it is stored."""


class Desk(Protocol):
    """What this room needs of `push.profiles.desk`."""

    @property
    def keyring(self) -> Keyring:
        """What opens features."""
        ...


async def reconsider(tx: Transaction, desk: Desk, persons: Collection[str], now_ms: int) -> None:
    """Let these people stand where they stand now; people who vanished into others, or may not be profiled, leave.

    To be told: everybody whose statements, links or consent to profiling changed, as she was and as she is.
    """
    await store.hold(tx, persons)
    before = {row["person"]: row for row in await tx.fetch("derived.standings", ids=listed(persons))}
    allowed = [person for person, yes in (await allows_profiling(tx, persons)).items() if yes]
    features = await store.load_persons(tx, desk.keyring, allowed)
    heard = await signals.load(tx, list(features), now_ms) if features else {}
    rows = [_row(person, features[person], heard.get(person, NO_SIGNALS), now_ms) for person in sorted(features)]
    standing = [row for row in rows if row["counted"] != "{}"]
    await sketches.change(tx, map(counts, before.values()), map(counts, standing))
    await tx.execute_many("derived.stand", [row for row in standing if _differs(row, before.get(row["person"]))])
    gone = sorted(before.keys() - {row["person"] for row in standing})
    await tx.execute_many("derived.leave", [{"person": person} for person in gone])


async def forget(tx: Transaction, persons: Collection[str]) -> None:
    """Take people out of everyone's figures, and delete where they stood: they are being erased."""
    await store.hold(tx, persons)
    before = await tx.fetch("derived.standings", ids=listed(persons))
    await sketches.change(tx, map(counts, before), ())
    await tx.execute_many("derived.leave", [{"person": row["person"]} for row in before])


def counted(bought: Purchases, heard: Signals) -> Counted:
    """What a person counts in each sketch."""
    found: Counted = {}
    if bought.orders:
        worth = bought.main
        found["recency"] = {bought.last_s // DAY_S: 1}
        found["frequency"] = {min(bought.orders, MOST_COUNTED): 1}
        found[f"monetary:{bought.currency}"] = {money_bucket(worth.minor): 1}
        if worth.pieces:
            found[f"piece:{bought.currency}"] = {money_bucket(worth.minor // worth.pieces): 1}
    for name, tallies in (("hour", heard.hours), ("weekday", heard.weekdays)):
        for whose in (name, *(of_segment(name, segment) for segment in heard.segments)):
            found[f"told:{whose}"] = {key: tally.told for key, tally in tallies.items()}
            found[f"opened:{whose}"] = {key: tally.opened for key, tally in tallies.items() if tally.opened}
    for channel, tally in heard.channels.items():
        found[f"channel:{channel}"] = {0: tally.told, 1: tally.opened} if tally.opened else {0: tally.told}
    return {name: dict(sorted(buckets.items())) for name, buckets in sorted(found.items()) if buckets}


def counts(row: Row) -> Counts:
    """What a stored standing counts."""
    found = msgspec.json.decode(row["counted"], type=Counted)
    return {(name, bucket): n for name, buckets in found.items() for bucket, n in buckets.items()}


def _row(person: str, features: Features, heard: Signals, now_ms: int) -> dict[str, object]:
    bought = purchases(features)
    return {
        "person": person,
        "orders": bought.orders,
        "first_s": bought.first_s,
        "last_s": bought.last_s,
        "currency": bought.currency,
        "minor": bought.main.minor,
        "pieces": bought.main.pieces,
        "counted": msgspec.json.encode(counted(bought, heard)).decode(),
        "changed_ms": now_ms,
    }


def _differs(row: Mapping[str, object], before: Row | None) -> bool:
    return before is None or any(before[name] != row[name] for name in row if name != "changed_ms")
