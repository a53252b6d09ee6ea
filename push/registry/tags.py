"""Registered beacons in columns: what it takes to know a transmitter on the air, and who carries it.

A beacon stands at a **position** for as long as it says the same and its clock is the one that was registered; a
change of either gives it a new position, and the old one stays empty. So whoever holds a position, in a table or in a
thread, never means another beacon by it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from beacons.eid import KEY_BYTES
from beacons.ids import ID_BYTES, KINDS, IdKind, padded
from beacons.registry import Beacon
from push.model.ids import subject
from push.model.vault import Vault
from push.registry.texts import Texts

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

UNKNOWN: Final = -1
SILENT: Final = 0
"""The kind of what says nothing that could be resolved: a rotating beacon without a key, an empty position."""
FIXTURE: Final = 1
STAFF: Final = 2
CARRIED: Final = 4
"""A shopper is known to carry it."""
GONE: Final = 8
PERSON: Final = FIXTURE | STAFF | CARRIED | GONE
"""Under this mask a tag that says where a shopper is reads `CARRIED`."""
LOCATED: Final = 1
NOT_LOCATED: Final = 2
"""What was last found about whoever carries a tag; 0: nothing yet."""
FEW: Final = 16
"""So many people are looked for among all tags one by one, each half a millisecond in a registry of a million."""
LEAST_ROOM: Final = 1 << 16
"""Positions reserved beyond those in use; what is reserved costs nothing before it is used."""
_LEAST_SLOTS: Final = 64


class Entries(NamedTuple):
    """Beacons as they are to be registered, as columns of one length n.

    `code` (n, 20) is the id that a static one always says; of a rotating one its first 16 bytes are the identity key:
    secret. `zero_ms` is when a rotating one's counter read 0; `counter_s` what it read when it was registered.
    """

    id: Sequence[str]
    shopper: Sequence[str]
    kind: Bytes
    exponent: Bytes
    flags: Bytes
    code: Bytes
    zero_ms: Ints
    counter_s: npt.NDArray[np.uint32]


class Change(NamedTuple):
    """What entries mean for what is registered: where each stands now, which are others than before, and what goes."""

    entries: Entries
    held: Ints
    is_new: Mask
    is_touched: Mask
    gone: Ints
    slots: npt.NDArray[np.int32] | None
    """A wider index, where the present one gets crowded."""


def entries(rows: Sequence[Mapping[str, Any]], vault: Vault) -> Entries:
    """Rows of the database, their keys opened. Raises `push.model.vault.SealError`."""
    return _entries(
        rows, (None if r["key_sealed"] is None else vault.open(r["key_sealed"], f"beacon:{r['id']}") for r in rows)
    )


def entries_of(beacons: Sequence[Beacon], keys: Mapping[str, bytes]) -> Entries:
    """Beacons with the keys of those that rotate."""
    names = Beacon.__struct_fields__
    rows = [{name: getattr(beacon, name) for name in names} for beacon in beacons]
    return _entries(rows, (keys.get(beacon.id) for beacon in beacons))


def _entries(rows: Sequence[Mapping[str, Any]], keys: Iterable[bytes | None]) -> Entries:
    codes = [_code(row, key) for row, key in zip(rows, keys, strict=True)]
    kinds = (KINDS[row["format"]] if code else SILENT for row, code in zip(rows, codes, strict=True))
    zeros = (row["counter_at_ms"] - 1000 * row["counter_s"] for row in rows)
    return Entries(
        [row["id"] for row in rows],
        [row["shopper"] or "" for row in rows],
        np.fromiter(kinds, dtype=np.uint8, count=len(rows)),
        np.fromiter((row["exponent"] for row in rows), dtype=np.uint8, count=len(rows)),
        np.fromiter(map(_flags, rows), dtype=np.uint8, count=len(rows)),
        np.frombuffer(b"".join(map(padded, codes)), dtype=np.uint8).reshape(len(rows), ID_BYTES),
        np.fromiter(zeros, dtype=np.int64, count=len(rows)),
        np.fromiter((row["counter_s"] for row in rows), dtype=np.uint32, count=len(rows)),
    )


def _code(row: Mapping[str, Any], key: bytes | None) -> bytes:
    """A rotating beacon has no static id, whatever its record says: that would be one that never turns."""
    if row["format"] == "eid":
        return key or b""
    return bytes.fromhex(row["static_id"] or "")


def _flags(row: Mapping[str, Any]) -> int:
    role = FIXTURE if row["role"] == "fixture" else 0
    return role | (STAFF if row["staff"] else 0) | (CARRIED if row["shopper"] else 0)


class Tags:
    """All registered beacons. `plan` may run in a thread, one at a time; everything else belongs to the loop."""

    def __init__(self, expected: int = 0) -> None:
        capacity = 2 * expected + LEAST_ROOM
        self.used = 0
        self.count = 0
        """Beacons registered: `used` without the empty positions."""
        self.kind: Bytes = np.zeros(capacity, dtype=np.uint8)
        self.exponent: Bytes = np.zeros(capacity, dtype=np.uint8)
        self.flags: Bytes = np.zeros(capacity, dtype=np.uint8)
        self.code: Bytes = np.zeros((capacity, ID_BYTES), dtype=np.uint8)
        self.zero_ms: Ints = np.zeros(capacity, dtype=np.int64)
        self.counter_s: npt.NDArray[np.uint32] = np.zeros(capacity, dtype=np.uint32)
        self.subject: npt.NDArray[np.uint64] = np.zeros(capacity, dtype=np.uint64)
        """What stands for whoever carries each (`push.model.ids.subject`); 0 where nobody is known to."""
        self.verdict: Bytes = np.zeros(capacity, dtype=np.uint8)
        """Whether she agreed to be located, as somebody asked last: kept here, and doubted when she says otherwise."""
        self.moved_ms: dict[int, int] = {}
        """By how much `zero_ms` is another than registered, where a search corrected it."""
        self._ids = Texts(capacity)
        self._shoppers = Texts(capacity)
        self._slots = _slots(expected)

    @property
    def capacity(self) -> int:
        """Positions that there can be."""
        return len(self.kind)

    def has_room(self, beacons: int) -> bool:
        """Whether so many more can be registered or changed."""
        return self.used + beacons <= self.capacity and self._ids.has_room(beacons) and self._shoppers.has_room(beacons)

    def find(self, beacon: str) -> int:
        """Where a beacon stands, `UNKNOWN` where it is not registered."""
        mask = len(self._slots) - 1
        at = hash(beacon) & mask
        while (position := int(self._slots[at])) != UNKNOWN:
            if not self.flags[position] & GONE and self._ids[position] == beacon:
                return position
            at = (at + 1) & mask
        return UNKNOWN

    def id(self, position: int) -> str:
        """Which beacon stands at a position, or stood there last."""
        return self._ids[position]

    def shopper(self, position: int) -> str | None:
        """Who carries it."""
        return self._shoppers[position] or None

    def shoppers(self, positions: Ints) -> list[str]:
        """Who carries each; empty where nobody is known to."""
        return self._shoppers.at(positions)

    def has_key(self, beacon: str) -> bool:
        """Whether it is registered as a rotating one, with its key."""
        position = self.find(beacon)
        return position != UNKNOWN and self.kind[position] == IdKind.EID

    def rotating(self) -> Ints:
        """Where rotating beacons stand."""
        return np.flatnonzero(self.kind[: self.used] == IdKind.EID)

    def static(self) -> Ints:
        """Where beacons stand that always say the same."""
        kinds = self.kind[: self.used]
        return np.flatnonzero((kinds != SILENT) & (kinds != IdKind.EID))

    def all(self) -> Ints:
        """Where any beacon stands."""
        return np.flatnonzero(self.flags[: self.used] & GONE == 0)

    def keys(self) -> Bytes:
        """Identity keys of rotating beacons by position, (capacity, 16): a view. Secret."""
        return self.code[:, :KEY_BYTES]

    def concerns_places(self, change: Change) -> bool:
        """Whether a change is about more than rotating tags: about fixtures, or about ids that gateways must know."""
        wanted, before = change.entries, np.r_[change.held[change.held != UNKNOWN], change.gone]
        flags = np.r_[wanted.flags, self.flags[before]]
        kinds = np.r_[wanted.kind, self.kind[before]]
        return bool(np.any((flags & FIXTURE != 0) | ((kinds != IdKind.EID) & (kinds != SILENT))))

    def plan(self, wanted: Entries, removed: Sequence[str] = ()) -> Change:
        """What it takes to register `wanted`, and no longer `removed`. Changes nothing."""
        held = np.fromiter(map(self.find, wanted.id), dtype=np.int64, count=len(wanted.id))
        moved_ms = np.fromiter((self.moved_ms.get(p, 0) for p in held.tolist()), dtype=np.int64, count=len(held))
        is_same = (
            (held != UNKNOWN)
            & (self.kind[held] == wanted.kind)
            & (self.exponent[held] == wanted.exponent)
            & (self.zero_ms[held] + moved_ms == wanted.zero_ms)
            & np.all(self.code[held] == wanted.code, axis=1)
        )
        touched = [
            same and (self.flags[p] != flags or self._shoppers[p] != who)
            for same, p, flags, who in zip(is_same.tolist(), held.tolist(), wanted.flags, wanted.shopper, strict=True)
        ]
        found = (self.find(beacon) for beacon in removed)
        left = [p for p in found if p != UNKNOWN] + held[(held != UNKNOWN) & ~is_same].tolist()
        more = int(np.count_nonzero(~is_same))
        return Change(
            wanted,
            held,
            ~is_same,
            np.array(touched, dtype=bool),
            np.array(sorted(set(left)), dtype=np.int64),
            self._wider(more) if self._is_crowded(more) else None,
        )

    def plan_clock(self, position: int, zero_ms: int) -> Change:
        """What it takes to let a rotating beacon's counter have read 0 at another time than was known."""
        held = np.array([position], dtype=np.int64)
        same = Entries(
            [self._ids[position]],
            [self._shoppers[position]],
            self.kind[held],
            self.exponent[held],
            self.flags[held],
            self.code[held],
            np.array([zero_ms], dtype=np.int64),
            self.counter_s[held],
        )
        is_new, is_touched = np.ones(1, dtype=bool), np.zeros(1, dtype=bool)
        return Change(same, held, is_new, is_touched, held, self._wider(1) if self._is_crowded(1) else None)

    def registered_ms(self, position: int) -> int:
        """When a rotating beacon's counter read 0, as it was registered."""
        return int(self.zero_ms[position]) + self.moved_ms.get(position, 0)

    def _is_crowded(self, more: int) -> bool:
        return 3 * (self.used + more) > 2 * len(self._slots)

    def apply(self, change: Change) -> Ints:
        """Take a change over, planned from what still stands; the new positions. Raises ValueError without room."""
        wanted, fresh = change.entries, np.flatnonzero(change.is_new)
        if not self.has_room(len(fresh)):
            raise ValueError(f"{self.used} of {self.capacity} positions are in use: no room for {len(fresh)} more")
        new = np.arange(self.used, self.used + len(fresh), dtype=np.int64)
        self._write(new, wanted, fresh)
        self._touch(change)
        for position in change.gone.tolist():
            self.moved_ms.pop(position, None)
        self.flags[change.gone] |= GONE
        self.kind[change.gone] = SILENT
        self.subject[change.gone] = 0
        self.code[change.gone] = 0  # a key that is not needed is not kept
        self._slots = self._slots if change.slots is None else change.slots
        _index(self._slots, [wanted.id[i] for i in fresh.tolist()], new)
        self.count += len(new) - len(change.gone)
        return new

    def _write(self, new: Ints, wanted: Entries, fresh: Ints) -> None:
        self.exponent[new] = wanted.exponent[fresh]
        self.flags[new] = wanted.flags[fresh]
        self.code[new] = wanted.code[fresh]
        self.zero_ms[new] = wanted.zero_ms[fresh]
        if np.any(wanted.counter_s[fresh]):  # mostly none: pages that are not written take no memory
            self.counter_s[new] = wanted.counter_s[fresh]
        self.kind[new] = wanted.kind[fresh]
        self._ids.put(new, [wanted.id[i] for i in fresh.tolist()])
        self._carry(new, [wanted.shopper[i] for i in fresh.tolist()])
        self.used += len(new)

    def _touch(self, change: Change) -> None:
        at = np.flatnonzero(change.is_touched)
        self.flags[change.held[at]] = change.entries.flags[at]
        self._carry(change.held[at], [change.entries.shopper[i] for i in at.tolist()])

    def _carry(self, positions: Ints, shoppers: Sequence[str]) -> None:
        """Enter who carries tags: what was found about whoever did before says nothing of them."""
        self._shoppers.put(positions, shoppers)
        self.verdict[positions] = 0
        subjects = (subject(shopper) if shopper else 0 for shopper in shoppers)
        self.subject[positions] = np.fromiter(subjects, dtype=np.uint64, count=len(shoppers))

    def doubt(self, shoppers: Collection[str] | None) -> None:
        """Forget what was found about these people; about everybody for None, or where they are many."""
        used = self.verdict[: self.used]
        if shoppers is None or len(shoppers) > FEW:
            used[:] = 0
            return
        for shopper in shoppers:
            used[self.subject[: self.used] == np.uint64(subject(shopper))] = 0

    def _wider(self, more: int) -> npt.NDArray[np.int32]:
        held = self.all()
        slots = _slots(2 * (len(held) + more))
        _index(slots, self._ids.at(held), held)
        return slots


def _slots(beacons: int) -> npt.NDArray[np.int32]:
    return np.full(max(_LEAST_SLOTS, 1 << (2 * beacons - 1).bit_length()), UNKNOWN, dtype=np.int32)


def _index(slots: npt.NDArray[np.int32], ids: Sequence[str], positions: Ints) -> None:
    """Give every position the first free slot after its id's hash; those that race for one slot go on probing.

    Python's hash of a text has a secret seed: nobody can choose ids that crowd one place.
    """
    mask = len(slots) - 1
    at = np.fromiter(map(hash, ids), dtype=np.int64, count=len(ids)) & mask
    while len(positions):
        free = slots[at] == UNKNOWN
        slots[at[free]] = positions[free]
        lost = slots[at] != positions
        positions, at = positions[lost], (at[lost] + 1) & mask


def tags_of(beacons: Sequence[Beacon], keys: Mapping[str, bytes]) -> Tags:
    """A registry of these, at once."""
    tags = Tags(len(beacons))
    tags.apply(tags.plan(entries_of(beacons, keys)))
    return tags
