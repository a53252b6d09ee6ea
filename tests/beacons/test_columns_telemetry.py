"""Columns of telemetry from whoever lies are refused, not believed."""

import msgspec
import pytest

from beacons.columns import Sighting, pack, view
from beacons.ids import IdKind
from beacons.wire import SightingColumns, WireError

FRAME = b"\x20\x00" + bytes(12)
COLUMNS = pack([Sighting(IdKind.UID, bytes(16), 0, 0, -60, -60, 1, telemetry=FRAME)], 0)


def test_where_nothing_is_told_nothing_is_sent() -> None:
    quiet = pack([Sighting(IdKind.UID, bytes(16), 0, 0, -60, -60, 1)], 0)
    assert b"telemetry" not in msgspec.msgpack.encode(quiet)
    assert len(view(quiet).telemetry) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"telemetry": bytes(17)},
        {"telemetry": bytes(36), "telemetry_row": bytes(4)},
        {"telemetry_row": b""},
        {"telemetry_row": b"\1\0"},
        {"telemetry_row": b"\xff\xff"},
        {"telemetry": b""},
    ],
)
def test_columns_that_disagree_are_refused(changes: dict[str, bytes]) -> None:
    with pytest.raises(WireError, match="columns"):
        view(msgspec.structs.replace(COLUMNS, **changes))


def test_an_older_server_reads_the_rest() -> None:
    class Older(msgspec.Struct):
        kind: bytes
        packets: bytes

    raw = msgspec.msgpack.encode(COLUMNS)
    assert msgspec.msgpack.decode(raw, type=Older).kind == COLUMNS.kind
    assert msgspec.msgpack.decode(raw, type=SightingColumns) == COLUMNS
