"""Who stands where, as others ask for it, and as checkpoints keep it."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from push.model.ids import subject
from push.model.presence import Near, Person, Stranger
from push.presence import moments
from push.presence.grounds import GONE, NEVER_MS, Grounds
from push.presence.index import NOBODY
from push.presence.near import Heard
from push.presence.near import near as near_one
from push.presence.people import AWAY, BACK, IN, LINKS, People

Ints = npt.NDArray[np.int64]

FORGET_MS: Final = 12_000
"""What another anchor heard so much earlier does not speak against this one: two steady reports (5 s) and a margin."""

_KEPT: Final = (
    "state", "entered_ms", "last_ms", "alive_ms", "left_ms", "stay_since_ms", "marks_done", "triggers",
    "link_rssi_dbm", "link_ms",
)  # fmt: skip


class Spot(NamedTuple):
    """A zone of a store, at a time."""

    store: str
    zone: str
    now_ms: int


def persons(people: People, grounds: Grounds, rows: Ints) -> list[Person]:
    """People of one store."""
    if not len(rows):
        return []
    seated = people.place[rows] != NOBODY
    arena = int(people.arena[rows[seated][0]]) if seated.any() else 0
    at = np.full((len(rows), 3), np.nan, dtype=np.float64)
    if seated.any():
        found = grounds.arenas[arena].positions(people.place[rows[seated]])
        at[seated] = np.column_stack(tuple(found))
    return [_person(people, grounds, row, at[n]) for n, row in enumerate(rows.tolist())]


def _person(people: People, grounds: Grounds, row: int, at: npt.NDArray[np.float64]) -> Person:
    x_m, y_m, spread_m = (None if np.isnan(value) else round(float(value), 2) for value in at)
    return Person(
        shopper=people.shopper[row],
        visit=people.visit[row],
        zone=moments.zone_name(grounds, people, row),
        entered_ms=int(people.entered_ms[row]),
        last_ms=int(people.last_ms[row]),
        stay_since_ms=int(people.stay_since_ms[row]),
        probability=float(people.zone_p[row]),
        x_m=x_m,
        y_m=y_m,
        spread_m=spread_m,
    )


def top(people: People, grounds: Grounds, rows: Ints) -> list[tuple[str, str | None, float]]:
    """The one zone to name for each of one store's people, and how likely; None: likelier none, or nobody knows."""
    rows = rows[people.place[rows] != NOBODY]
    if not len(rows):
        return []
    zones = grounds.floors[grounds.stores[people.site[rows[0]]]].zones
    named, likely = grounds.arenas[int(people.arena[rows[0]])].named(people.place[rows])
    return [
        (people.shopper[row], zones[zone] if zone < len(zones) else None, share)
        for row, zone, share in zip(rows.tolist(), named.tolist(), likely.tolist(), strict=True)
    ]


def near(people: People, grounds: Grounds, rows: Ints, strangers: Sequence[Stranger], at: Spot) -> list[Near]:
    """Who of one store's people, and which strangers, may stand right at the anchors of a zone, and how surely.

    A zone is wider than that: this goes by how strongly, how clearly and how lately they are heard there.
    """
    everybody = [(people.shopper[row], _heard(people, grounds, row)) for row in rows.tolist()]
    zones, number = grounds.floors[at.store].zones, grounds.store_numbers[at.store]
    unknown = []
    for one in strangers:
        anchor = grounds.numbers.get(one.anchor, NOBODY)
        if anchor != NOBODY and grounds.site_of[anchor] == number:
            unknown.append((None, [Heard(_name(zones, int(grounds.zone_of[anchor])), one.rssi_dbm, one.last_ms)]))
    return near_one(everybody, at.zone, at.now_ms, FORGET_MS) + near_one(unknown, at.zone, at.now_ms, FORGET_MS)


def _heard(people: People, grounds: Grounds, row: int) -> list[Heard]:
    """What anchors of her store said of somebody last."""
    site = people.site[row]
    zones = grounds.floors[grounds.stores[site]].zones
    links = zip(
        people.link_anchor[row].tolist(), people.link_rssi_dbm[row].tolist(), people.link_ms[row].tolist(), strict=True
    )
    return [
        Heard(_name(zones, int(grounds.zone_of[anchor])), rssi_dbm, last_ms, bool(grounds.forgeable[anchor]))
        for anchor, rssi_dbm, last_ms in links
        if anchor != NOBODY and grounds.site_of[anchor] == site
    ]


def _name(zones: Sequence[str], zone: int) -> str | None:
    return None if zone == GONE else zones[zone]


class Checkpoint(msgspec.Struct, array_like=True):
    """Who is there, or was just now: names as texts, so that it can be read under other numbers; columns as bytes."""

    stores: list[str]
    shoppers: list[str]
    visits: list[str]
    stays: list[str]
    zones: list[str | None]
    anchors: list[str]
    links: bytes
    columns: dict[str, bytes]


def dump(people: People, grounds: Grounds) -> bytes:
    """A checkpoint."""
    rows = np.flatnonzero(np.isin(people.state, (IN, AWAY, BACK)))
    listed = rows.tolist()
    columns = {name: getattr(people, name)[rows] for name in _KEPT}
    columns["state"][columns["state"] == BACK] = AWAY
    return msgspec.msgpack.encode(
        Checkpoint(
            stores=[grounds.stores[site] for site in people.site[rows].tolist()],
            shoppers=[people.shopper[row] for row in listed],
            visits=[people.visit[row] for row in listed],
            stays=[people.stay[row] for row in listed],
            zones=[moments.zone_name(grounds, people, row) for row in listed],
            anchors=grounds.anchors,
            links=people.link_anchor[rows].tobytes(),
            columns={name: column.tobytes() for name, column in columns.items()},
        )
    )


def load(state: bytes, people: People, grounds: Grounds) -> None:
    """Take over a checkpoint; who was in a store that is gone is left out. Raises `msgspec.MsgspecError`."""
    then = msgspec.msgpack.decode(state, type=Checkpoint)
    columns = {name: _column(raw, getattr(people, name)) for name, raw in then.columns.items()}
    numbers = np.array([grounds.numbers.get(anchor, NOBODY) for anchor in then.anchors] + [NOBODY], dtype=np.int32)
    links = numbers[np.frombuffer(then.links, dtype=np.int32)].reshape(-1, LINKS)
    sites = np.array([grounds.store_numbers.get(store, GONE) for store in then.stores], dtype=np.int32)
    of = np.flatnonzero(sites != GONE)
    shoppers = [then.shoppers[n] for n in of.tolist()]
    subjects = np.array(list(map(subject, shoppers)), dtype=np.uint64)
    rows = people.add(subjects, sites[of], shoppers, [then.visits[n] for n in of.tolist()])
    for name, column in columns.items():
        getattr(people, name)[rows] = column[of]
    people.link_anchor[rows] = links[of]
    people.since_first_ms[rows] = NEVER_MS
    for row, n in zip(rows.tolist(), of.tolist(), strict=True):
        put_in_zone(people, grounds, row, then.stays[n], then.zones[n])


def _column(raw: bytes, like: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    return np.frombuffer(raw, dtype=like.dtype).reshape(-1, *like.shape[1:])


def put_in_zone(people: People, grounds: Grounds, row: int, stay: str, zone: str | None) -> None:
    """Let somebody be in a zone; one that is gone is left in the next step, as `Presence.use` has it."""
    people.stay[row] = stay
    people.zone[row] = grounds.zone_number(grounds.stores[people.site[row]], zone)
