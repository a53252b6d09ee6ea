"""Who stands where, as others ask for it, and as checkpoints keep it."""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from push.model.ids import subject
from push.model.presence import Near, Person, Stranger
from push.presence import moments
from push.presence.grounds import GONE, NEVER_MS, Grounds
from push.presence.index import NOBODY
from push.presence.near import CLAIMED, chance, heard_of
from push.presence.people import AWAY, IN, LINKS, NOWHERE, People

Ints = npt.NDArray[np.int64]

_KEPT: Final = (
    "state", "entered_ms", "last_ms", "alive_ms", "left_ms", "stay_since_ms", "marks_done", "triggers",
    "link_rssi_dbm", "link_ms",
)  # fmt: skip


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
    """The likeliest zone of each of one store's people, and how likely; None: likelier none, or nobody knows which."""
    rows = rows[people.place[rows] != NOBODY]
    if not len(rows):
        return []
    zones = grounds.floors[grounds.stores[people.site[rows[0]]]].zones
    share = grounds.arenas[int(people.arena[rows[0]])].zones(people.place[rows])
    best = np.where(np.arange(share.shape[1]) < len(zones), share, 0).argmax(axis=1)
    elsewhere = share[:, -2:].max(axis=1)
    return [
        (people.shopper[row], zones[n], float(share[i, n]))
        if zones and share[i, n] >= elsewhere[i]
        else (people.shopper[row], None, float(elsewhere[i]))
        for i, (row, n) in enumerate(zip(rows.tolist(), best.tolist(), strict=True))
    ]


def near(people: People, grounds: Grounds, rows: Ints, zone: str) -> list[Near]:
    """Who of one store's people may be in a zone, and how surely; less, where that is only her phone's word."""
    rows = rows[people.place[rows] != NOBODY]
    if not len(rows):
        return []
    floor = grounds.floors[grounds.stores[people.site[rows[0]]]]
    if zone not in floor.zones:
        return []
    arena = grounds.arenas[int(people.arena[rows[0]])]
    share = arena.zones(people.place[rows])[:, floor.zones.index(zone)]
    anchors = people.link_anchor[rows]
    proven = ((anchors != NOBODY) & ~grounds.forgeable[anchors]).any(axis=1)
    share = np.where(proven, share, share * CLAIMED)
    return [Near(people.shopper[row], float(p)) for row, p in zip(rows.tolist(), share, strict=True) if p > 0]


def strangers_near(all_: Sequence[Stranger], grounds: Grounds, store: str, zone: str, now_ms: int) -> list[Near]:
    """Strangers who may be in a zone, and how surely."""
    number = grounds.store_numbers[store]
    zones = grounds.floors[store].zones if store in grounds.floors else ()
    found = []
    for one in all_:
        anchor = grounds.numbers.get(one.anchor)
        if anchor is not None and grounds.site_of[anchor] == number:
            of = int(grounds.zone_of[anchor])
            heard = heard_of(zones[of] if of != GONE else None, one)
            found.append(Near(None, chance([heard], zone, now_ms, 0)))
    return [one for one in found if one.probability > 0]


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
    rows = np.flatnonzero((people.state == IN) | (people.state == AWAY))
    listed = rows.tolist()
    return msgspec.msgpack.encode(
        Checkpoint(
            stores=[grounds.stores[site] for site in people.site[rows].tolist()],
            shoppers=[people.shopper[row] for row in listed],
            visits=[people.visit[row] for row in listed],
            stays=[people.stay[row] for row in listed],
            zones=[moments.zone_name(grounds, people, row) for row in listed],
            anchors=grounds.anchors,
            links=people.link_anchor[rows].tobytes(),
            columns={name: getattr(people, name)[rows].tobytes() for name in _KEPT},
        )
    )


def load(state: bytes, people: People, grounds: Grounds) -> None:
    """Take over a checkpoint; who was in a store that is gone is left out. Raises `msgspec.MsgspecError`."""
    then = msgspec.msgpack.decode(state, type=Checkpoint)
    columns = {name: _column(raw, getattr(people, name)) for name, raw in then.columns.items()}
    numbers = np.array([grounds.numbers.get(anchor, NOBODY) for anchor in then.anchors] + [NOBODY], dtype=np.int32)
    links = numbers[np.frombuffer(then.links, dtype=np.int32)].reshape(-1, LINKS)
    for n, store in enumerate(then.stores):
        site = grounds.store_numbers.get(store)
        if site is None:
            continue
        row = people.add(subject(then.shoppers[n]), site, then.shoppers[n], then.visits[n])
        for name, column in columns.items():
            getattr(people, name)[row] = column[n]
        people.link_anchor[row] = links[n]
        people.since_first_ms[row] = NEVER_MS
        put_in_zone(people, grounds, row, then.stays[n], then.zones[n])


def _column(raw: bytes, like: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    return np.frombuffer(raw, dtype=like.dtype).reshape(-1, *like.shape[1:])


def put_in_zone(people: People, grounds: Grounds, row: int, stay: str, zone: str | None) -> None:
    """Let somebody be in a zone; one that is gone is left in the next step, as `Presence.use` has it."""
    floor = grounds.floors.get(grounds.stores[people.site[row]])
    people.stay[row] = stay
    is_known = floor is not None and zone in floor.zones
    people.zone[row] = floor.zones.index(zone or "") if is_known and floor is not None else NOWHERE
