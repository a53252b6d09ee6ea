"""Which ids leave the store: what the server asked for, and nothing else."""

from collections import defaultdict
from typing import Final

from beacons.ids import ID_BYTES, WIDTH, IdKind
from beacons.wire import GatewayConfig

_KINDS: Final = frozenset(int(kind) for kind in IdKind)
_EID: Final = int(IdKind.EID)  # a member of an enum takes ten times as long to look up


class FilterError(ValueError):
    """A filter whose columns disagree, or that names a kind that this version does not know."""


class Filter:
    """The server's filter, ready for one look-up per advert.

    Fixed ids pass by exact match; EIDs all pass where the config says so (only the server can tell
    whose they are); what is named for dropping (staff) never passes. Without a config nothing passes:
    installation mode. Raises `FilterError`.
    """

    def __init__(self, config: GatewayConfig | None) -> None:
        self.installing = config is None
        self._pass_eid = config is not None and config.pass_eid
        self._pass = _ids(config.pass_kind, config.pass_id) if config else {}
        self._drop = _ids(config.drop_kind, config.drop_id) if config else {}

    def passes(self, kind: int, beacon_id: bytes) -> bool:
        """Whether a sighting of this id may leave; `beacon_id` unpadded."""
        if beacon_id in self._drop.get(kind, ()):
            return False
        if self._pass_eid and kind == _EID:
            return True
        return beacon_id in self._pass.get(kind, ())


def _ids(kinds: bytes, ids: bytes) -> dict[int, frozenset[bytes]]:
    """Columns as in `SightingColumns` (one byte of kind, 20 bytes of padded id each), by kind, unpadded."""
    if len(ids) != len(kinds) * ID_BYTES:
        raise FilterError(f"expected {len(kinds) * ID_BYTES} bytes of ids for {len(kinds)} kinds, got {len(ids)}")
    unknown = set(kinds) - _KINDS
    if unknown:
        raise FilterError(f"expected kinds among {sorted(_KINDS)}, got {sorted(unknown)}")
    found: defaultdict[int, set[bytes]] = defaultdict(set)
    for i, kind in enumerate(kinds):
        found[kind].add(ids[i * ID_BYTES : i * ID_BYTES + WIDTH[IdKind(kind)]])
    return {kind: frozenset(members) for kind, members in found.items()}
