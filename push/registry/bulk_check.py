"""Rows of an import, checked slice by slice: against each other, and against what is registered."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from beacons.registry import Beacon
from push.model.errors import Fault
from push.model.ports import Row
from push.model.vault import Vault
from push.registry import checks, csv_columns
from push.registry.records import NOBODY, columns, record

Told = tuple[int, str, str]
"""A line, a column, and what was expected."""


class Read(NamedTuple):
    """A line of the file: what it says, or what is wrong with its cells."""

    line: int
    row: csv_columns.Row | None
    faults: tuple[Fault, ...]


class Known(NamedTuple):
    """What is registered, as far as a slice concerns it."""

    beacons: Mapping[str, Row]
    gateways: set[str]
    places: Mapping[str, set[str]]
    """Stores, and the zones of each."""
    holders: Mapping[str, str]
    """Which beacon says a static id."""


class Checked(NamedTuple):
    """What becomes of a slice: rows to be written, ids of those that are changed, labels, and errors."""

    staged: list[dict[str, Any]]
    changed: list[str]
    labels: list[dict[str, Any]]
    errors: list[Told]
    says_something: bool
    """Whether gateways' filters are concerned."""


class Checker:
    """Knows of the lines before what can collide with those to come: ids, and what they always say."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter(new=0, changed=0, same=0)
        self._lines: dict[str, int] = {}
        self._said: dict[str, int] = {}
        self._says: dict[str, str | None] = {}
        self._waiting: list[tuple[int, str, str]] = []

    def check(self, read: Sequence[Read], known: Known, vault: Vault) -> Checked:
        """A slice: for a thread. Keys are sealed here."""
        found = Checked([], [], [], [], says_something=False)
        concerns_filters = False
        for each in read:
            found.errors.extend((each.line, fault.field, fault.expected) for fault in each.faults)
            if each.row is not None:
                beacon, faults = self._beacon(each.row, known)
                found.errors.extend((each.line, fault.field, fault.expected) for fault in faults)
                if beacon is not None and not faults:
                    concerns_filters |= self._keep(found, each.row, beacon, known.beacons.get(beacon.id), vault)
        return found._replace(says_something=concerns_filters)

    def left_over(self) -> Iterable[Told]:
        """What others in the registry say, and go on saying: known when all lines are."""
        for line, static_id, holder in self._waiting:
            if self._says.get(holder, static_id) == static_id:
                yield line, "static_id", f"static_id: beacon {holder} says the same; every id must be one beacon's"

    def _beacon(self, row: csv_columns.Row, known: Known) -> tuple[Beacon | None, list[Fault]]:
        present = known.beacons.get(str(row.fields["id"]))
        was = None if present is None else msgspec.structs.asdict(record(Beacon, present))
        try:
            beacon = csv_columns.beacon_of(row, was)
        except msgspec.ValidationError as error:
            return None, [_fault(str(error))]
        has_key = present is not None and bool(present["has_key"])
        faults = list(checks.beacon_faults(beacon, has_key=has_key, brings_key=row.key is not None))
        faults += _place_faults(beacon, known)
        faults += self._twice(row.line, beacon)
        holder = known.holders.get(beacon.static_id or "")
        if holder is not None and holder != beacon.id:
            self._waiting.append((row.line, beacon.static_id or "", holder))
        return beacon, faults

    def _twice(self, line: int, beacon: Beacon) -> Iterable[Fault]:
        first = self._lines.setdefault(beacon.id, line)
        if first != line:
            yield Fault("id", f"id {beacon.id!r} stands on line {first} already")
            return
        self._says[beacon.id] = beacon.static_id
        if beacon.static_id is not None and (first := self._said.setdefault(beacon.static_id, line)) != line:
            yield Fault("static_id", f"static_id stands on line {first} already; every id must be one beacon's")

    def _keep(self, found: Checked, row: csv_columns.Row, beacon: Beacon, present: Row | None, vault: Vault) -> bool:
        """Take a row that is good; whether it concerns gateways' filters."""
        was = None if present is None else record(Beacon, present)
        if was == beacon and row.key is None:
            self.counts["same"] += 1
            return False
        self.counts["new" if was is None else "changed"] += 1
        if was is not None:
            found.changed.append(beacon.id)
        found.staged.append(_staged(row, beacon, present, vault))
        had, has = set(() if was is None else was.labels), set(beacon.labels)
        found.labels.extend({"sign": 1, "label": label, "item": beacon.id} for label in sorted(has - had))
        found.labels.extend({"sign": -1, "label": label, "item": beacon.id} for label in sorted(had - has))
        return beacon.static_id is not None or (was is not None and was.static_id is not None)


def _staged(row: csv_columns.Row, beacon: Beacon, present: Row | None, vault: Vault) -> dict[str, Any]:
    key = None if row.key is None else vault.seal(bytes.fromhex(row.key), f"beacon:{beacon.id}")
    base = 0 if present is None else present["revision"]
    moves = present is not None and present["static_id"] != beacon.static_id
    written = {name: value for name, value in columns(beacon, NOBODY).items() if name not in _UNSTAGED}
    return {**written, "key_sealed": key, "base": base, "moves": moves}


_UNSTAGED: Final = frozenset({"changed_by", "changed_ms"})


def _place_faults(beacon: Beacon, known: Known) -> Iterable[Fault]:
    if beacon.id in known.gateways:
        yield Fault("id", "a gateway and a beacon cannot share an id: both are places")
    if beacon.store is not None and beacon.store not in known.places:
        yield Fault("store", f"there is no store {beacon.store!r}")
    elif beacon.store is not None and beacon.zone is not None and beacon.zone not in known.places[beacon.store]:
        yield Fault("zone", f"store {beacon.store!r} has no zone {beacon.zone!r}")


def _fault(text: str) -> Fault:
    """What a decoder says of a field, as of a column."""
    what, _, place = text.partition(" - at `$.")
    name = place.rstrip("`").split("[")[0]
    return Fault(name, f"{name}: {what[:1].lower()}{what[1:]}" if name else what)
