"""From probabilities to what happened: zones are entered on evidence, left for want of it; stays reach their marks.

    probability of the best zone ≥ its `zone_enter`, for `zone_hold_s`  ▶  zone entered (and the one before left)
    probability of her zone among what is known < its `zone_leave`      ▶  zone left
    heard `dwell_marks_s` after she entered it                          ▶  dwelled

It takes less than `zone_enter` while she walks, and more while she stands and has been in another zone. Where nothing
is known of her zone (its gateways are down), nothing happens: she did not leave because we went blind.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from push.model.ids import derived
from push.model.presence import Changes, Moment, MomentKind, StayClosed, StayOpened, VisitClosed, VisitOpened
from push.presence.grounds import MOST_ZONES, NEVER_MS, Grounds
from push.presence.index import NOBODY
from push.presence.people import NOWHERE, People

BLIND: Final = 0.5
"""So probable that it is unknown where she is, and it is not said that she left."""

RESTLESS: Final = 0.2
"""So probable that she is in another zone, and she is looked at again sooner."""
BACK_MS: Final = 30_000
"""Who left a zone no longer ago goes back only when that is surer: else who stands between two is in each in turn."""
BACK: Final = 0.25
"""So much of what is left between `zone_enter` and certainty, out of a zone that she came into meanwhile."""
STANDING_BACK: Final = 0.5
"""And so much for who stands, into any zone that she left lately: she has not gone there, her evidence drifts."""
STANDING: Final = 0.3
"""And so much for who stands, from a zone that she has been in for a while, into any other."""
SETTLED_MS: Final = 10_000
"""So long; whoever came into it later may have been on her way to where she stands now."""
WALKING: Final = 0.8
"""So much of `zone_enter` is enough for who walks: evidence lags a second behind her."""
STANDS_MS: Final = 3_000
"""Who has not looked as if she walked for so long stands: until then, evidence still follows her steps."""
LIKELIER: Final = 1.2
"""Than the zone that she is in: of two alone, 55 %."""
LATELY_MS: Final = 15_000
"""Three reports of a gateway."""

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
_OF_A_STAY: Final = frozenset({"zone_entered", "dwelled", "zone_left"})
"""Kinds that may happen once in each stay; the others once in each visit."""


class Told(NamedTuple):
    """Who is told of: everybody's columns, the stores' ground, when, and what becomes of it."""

    people: People
    grounds: Grounds
    now_ms: int
    changes: Changes


def place(told: Told, rows: Ints, zones: Floats) -> Ints:
    """Let people be in zones as probable as that; who entered one.

    `zones` is (n, Z + 2): a column for each zone, then in none, and unknown.
    """
    people, grounds = told.people, told.grounds
    site, zone = people.site[rows], people.zone[rows].astype(np.int64)
    many = min(zones.shape[1] - 2, MOST_ZONES)
    if not many:
        return rows[:0]
    at = np.arange(len(rows))
    best = zones[:, :many].argmax(axis=1)
    here = np.where(zone >= 0, zones[at, np.maximum(zone, 0)], np.float32(0))
    unknown = zones[:, -1]
    wants = best != zone
    others = np.flatnonzero(wants)
    enough = _enough(told, rows[others], best[others])
    wants[others] = zones[others, best[others]] >= np.maximum(enough, LIKELIER * here[others])
    is_new = wants & (people.wanted[rows] != best)
    people.wanted_ms[rows[is_new]] = told.now_ms
    people.wanted[rows] = np.where(wants, best, NOWHERE)
    enters = wants & (told.now_ms - people.wanted_ms[rows] >= grounds.hold_ms[site, best])
    known = here / np.maximum(1 - unknown, 1e-6)
    leaves = (zone >= 0) & ~enters & (unknown < BLIND) & (known < grounds.zone_leave[site, np.maximum(zone, 0)])
    people.zone_p[rows] = here
    people.restless[rows] = np.where((best != zone) & (zones[at, best] >= RESTLESS), zones[at, best], 0)
    for i in np.flatnonzero(enters | leaves).tolist():
        row = int(rows[i])
        leave_zone(told, row, 1 - float(here[i]))
        if enters[i]:
            people.zone_p[row] = zones[i, best[i]]
            _enter_zone(told, row, int(best[i]))
    entered: Ints = rows[enters]
    return entered


def _enough(told: Told, rows: Ints, zones: Ints) -> Floats:
    """How probable a zone must be that people (n,) enter it, (n,)."""
    people = told.people
    enter = told.grounds.zone_enter[people.site[rows], zones]
    still_ms, has_zone = told.now_ms - people.moved_ms[rows], people.zone[rows] >= 0
    is_recent = told.now_ms - people.before_ms[rows] < BACK_MS
    is_back = ((people.before[rows] == zones[:, None]) & is_recent).any(axis=1)
    turns_back, stands = is_back & has_zone, still_ms > STANDS_MS
    has_settled = has_zone & (told.now_ms - people.stay_since_ms[rows] > SETTLED_MS)
    cases = [is_back & stands, turns_back, has_settled & stands]
    share = np.select(cases, [STANDING_BACK, BACK, STANDING], 0)
    less = np.where(stands | turns_back, 1, WALKING)
    found = less * enter + share * np.maximum(1 - enter, 0)
    # Whoever has just entered a zone has not left it.
    enough: Floats = np.maximum(found, told.grounds.zone_leave[people.site[rows], zones]).astype(np.float32)
    return enough


def dwell(told: Told, rows: Ints) -> None:
    """Take stays over their marks. Dwelling counts what was heard: time alone takes nobody over one."""
    people, grounds = told.people, told.grounds
    rows = rows[people.zone[rows] >= 0]
    while len(rows):
        mark_ms = grounds.mark_ms[people.site[rows], people.zone[rows], people.marks_done[rows]]
        is_due = people.last_ms[rows] - people.stay_since_ms[rows] >= mark_ms
        rows, due_ms = rows[is_due], mark_ms[is_due]
        people.marks_done[rows] += 1
        for row, mark in zip(rows.tolist(), due_ms.tolist(), strict=True):
            told.changes.moments.append(moment(told, row, "dwelled", float(people.zone_p[row]), mark_s=mark // 1000))


def enter(told: Told, row: int, confidence: float) -> None:
    """Somebody's visit begins."""
    people = told.people
    store = told.grounds.stores[people.site[row]]
    entered_ms = int(people.entered_ms[row])
    people.visit[row] = derived("vis", store, people.shopper[row], entered_ms)
    told.changes.records.append(VisitOpened(people.visit[row], store, people.shopper[row], entered_ms))
    told.changes.moments.append(moment(told, row, "store_entered", confidence))


def leave(told: Told, row: int) -> None:
    """Somebody's visit ends when she was heard last."""
    people = told.people
    leave_zone(told, row, 1.0)
    left_ms = max(int(people.entered_ms[row]), int(people.last_ms[row]))
    told.changes.records.append(VisitClosed(people.visit[row], left_ms))
    told.changes.moments.append(moment(told, row, "left", 1.0))


def _enter_zone(told: Told, row: int, zone: int) -> None:
    people = told.people
    since_ms = int(people.last_ms[row])
    people.zone[row], people.stay_since_ms[row], people.marks_done[row] = zone, since_ms, 0
    people.wanted[row] = NOWHERE
    name = zone_name(told.grounds, people, row) or ""
    people.stay[row] = derived("sty", people.visit[row], name, since_ms)
    store = told.grounds.stores[people.site[row]]
    told.changes.records.append(StayOpened(people.stay[row], people.visit[row], store, name, since_ms))
    told.changes.moments.append(moment(told, row, "zone_entered", float(people.zone_p[row])))


def leave_zone(told: Told, row: int, confidence: float) -> None:
    """Somebody's stay ends, if there is one."""
    people = told.people
    if people.stay[row]:
        left_ms = max(int(people.stay_since_ms[row]), int(people.last_ms[row]))
        told.changes.records.append(StayClosed(people.stay[row], left_ms))
        told.changes.moments.append(moment(told, row, "zone_left", confidence))
        people.note_left(row, told.now_ms)
    people.zone[row], people.stay[row], people.zone_p[row] = NOWHERE, "", 0


def zone_name(grounds: Grounds, people: People, row: int) -> str | None:
    """The zone that somebody is in."""
    zone = int(people.zone[row])
    if zone < 0:
        return None
    return grounds.floors[grounds.stores[people.site[row]]].zones[zone]


def moment(told: Told, row: int, kind: MomentKind, confidence: float, *, mark_s: int = 0) -> Moment:
    """What happened to somebody, by what was heard since the last pass; else by when she was heard last."""
    people = told.people
    first_ms, received_ms = int(people.since_first_ms[row]), int(people.since_received_ms[row])
    is_told = 0 < first_ms < NEVER_MS
    return Moment(
        id=derived("mom", people.visit[row], kind, people.stay[row] if kind in _OF_A_STAY else "", mark_s),
        kind=kind,
        store=told.grounds.stores[people.site[row]],
        zone=zone_name(told.grounds, people, row),
        shopper=people.shopper[row],
        visit=people.visit[row],
        mark_s=mark_s,
        at_ms=told.now_ms,
        heard_ms=first_ms if is_told and kind in {"store_entered", "zone_entered"} else int(people.last_ms[row]),
        received_ms=received_ms or told.now_ms,
        confidence=round(confidence, 4),
        triggers=_triggers(told, row, kind),
    )


def _triggers(told: Told, row: int, kind: MomentKind) -> bool:
    """Whether anything may answer: not where only those told of it who trigger nothing.

    Where she is goes by who heard her lately; that she came, and that she went, by who heard her in all of her visit.
    """
    people, grounds = told.people, told.grounds
    if kind not in {"zone_entered", "dwelled"}:
        return bool(people.triggers[row])
    anchors = people.link_anchor[row]
    lately = (anchors != NOBODY) & (people.link_ms[row] >= people.last_ms[row] - LATELY_MS)
    return bool((lately & grounds.triggers[anchors]).any())
