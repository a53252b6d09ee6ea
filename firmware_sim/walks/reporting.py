"""From packets to what the server is told: each gateway's own window, and what goes wrong on the way.

Packets ─gateway.window▶ Reports, in order of their arrival ─fault▶ Reports
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import numpy as np

from beacons.ids import IdKind
from firmware_sim.radio import RadioSettings
from firmware_sim.walks.files import Ints
from firmware_sim.walks.recording import START_MS, Packets, Recording, tag_id
from firmware_sim.walks.score import Bools
from gateway.window import Window

Fault = Literal["none", "dead", "deaf", "skewed", "lossy"]
FAULTS: Final[tuple[Fault, ...]] = ("none", "dead", "deaf", "skewed", "lossy")
FAULTY: Final = 2
"""One of the two at the tills, in the middle of the store."""
DEAD_AFTER: Final = 0.2
"""It dies after this share of the run, so that this has to be noticed."""
DEAF_DB: Final = 15
SKEW_MS: Final = 30_000
"""Its clock is slow: whatever claims to be heard after it arrived, the server corrects (`push.ingest.times`)."""
LOST: Final = 0.2
"""Share of the reports that never arrive."""
NETWORK_MS: Final = 20
"""From a gateway to the server: a LAN and a broker."""


class Reports(NamedTuple):
    """Sightings as the server has them, in order of arrival: columns of one length; times in UTC ms.

    `gateway` and `tag` as in `Packets`; `rssi_dbm` is the median, `loudest_dbm` the loudest packet.
    """

    received_ms: Ints
    gateway: Ints
    tag: Ints
    first_ms: Ints
    last_ms: Ints
    rssi_dbm: Ints
    loudest_dbm: Ints
    packets: Ints

    def cut(self, rows: Bools | Ints | slice) -> "Reports":
        """Some of them."""
        return Reports(*(column[rows] for column in self))


def reports(recording: Recording) -> Reports:
    """What the server is told of a run where nothing goes wrong."""
    gateways = range(len(recording.floor.gateways))
    return _in_order([_reported(recording.packets, gateway) for gateway in gateways])


def broken(recording: Recording, said: Reports, fault: Fault, seed: int) -> Reports:
    """The same run with one thing going wrong; `said` is what `reports` made of it."""
    if fault == "lossy":
        return _lost(said, np.random.default_rng((seed, 5)))
    is_faulty = said.gateway == FAULTY
    if fault == "skewed":
        late_ms = np.where(is_faulty, SKEW_MS, 0)
        return said._replace(first_ms=said.first_ms - late_ms, last_ms=said.last_ms - late_ms)
    if fault in {"dead", "deaf"}:
        others = said.cut(~is_faulty)
        heard = _dying(recording) if fault == "dead" else _deafened(recording.packets)
        return _in_order([others, _reported(heard, FAULTY)])
    return said


def _in_order(several: Sequence[Reports]) -> Reports:
    said = Reports(*(np.concatenate(column) for column in zip(*several, strict=True)))
    order = np.argsort(said.received_ms, kind="stable")
    return said.cut(order)


def _dying(recording: Recording) -> Packets:
    dies_ms = START_MS + DEAD_AFTER * (recording.until_ms - START_MS)
    return recording.packets.cut(recording.packets.at_ms < dies_ms)


def _deafened(packets: Packets) -> Packets:
    weaker = packets._replace(rssi_dbm=packets.rssi_dbm - np.int16(DEAF_DB))
    return weaker.cut(weaker.rssi_dbm >= RadioSettings().sensitivity_dbm)


def _reported(packets: Packets, gateway: int) -> Reports:
    """One gateway's packets through its window."""
    window = Window()
    mine = packets.gateway == gateway
    rows: list[tuple[int, ...]] = []
    names = {tag: tag_id(tag) for tag in np.unique(packets.tag[mine]).tolist()}
    columns = (column[mine].tolist() for column in (packets.at_ms, packets.tag, packets.rssi_dbm))
    kind = int(IdKind.UID)
    for at_ms, tag, rssi_dbm in zip(*columns, strict=True):
        _take(window, at_ms, gateway, rows)
        window.add(kind, names[tag], rssi_dbm, 0, at_ms)
    while (due_ms := window.due_ms()) is not None:
        _take(window, due_ms, gateway, rows)
    return Reports(*np.array(rows, dtype=np.int64).reshape(-1, len(Reports._fields)).T)


def _take(window: Window, now_ms: int, gateway: int, rows: list[tuple[int, ...]]) -> None:
    """Everything that is due by now, each at its time."""
    while (due_ms := window.due_ms()) is not None and due_ms <= now_ms:
        for s in window.take(due_ms):
            tag = int.from_bytes(s.id[10:16], "big")
            rows.append(
                (due_ms + NETWORK_MS, gateway, tag, s.first_ms, s.last_ms, s.rssi_median_dbm, s.rssi_max_dbm, s.packets)
            )


def _lost(said: Reports, rng: np.random.Generator) -> Reports:
    """Whole batches: what one gateway reports at one moment."""
    batch = said.received_ms * (int(said.gateway.max(initial=0)) + 1) + said.gateway
    batches, which = np.unique(batch, return_inverse=True)
    arrives = rng.random(len(batches)) >= LOST
    return said.cut(arrives[which])
