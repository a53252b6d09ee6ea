"""Decoding beside the best-known libraries, in one run.

python tests/bench/bench_decode.py

Each library is given what it takes: ours what bleak hands over, beacontools and bluetooth-data-tools a whole
advertising payload, so that a second table has ours do the splitting as well. beacontools knows no AltBeacon, and
answers None; bluetooth-data-tools (compiled) splits AD structures and knows no beacon at all. CPU time, best of some
rounds.
"""

import time
from collections import Counter
from collections.abc import Callable
from itertools import count
from timeit import repeat
from typing import Final

import beacontools
from bluetooth_data_tools import parse_advertisement_data_bytes

from beacons import ad
from beacons.frames import Frame, decode, encode
from tests.beacons.air import EXAMPLES
from tests.bench.table import Line, show

ROUNDS: Final = 5
BUDGET_US: Final = 1.0


def best_us(call: Callable[[], object], times: int) -> float:
    """µs of one call, in the best of some rounds: the least disturbed by what else the machine does."""
    return min(repeat(call, timer=time.process_time, number=times, repeat=ROUNDS)) / times * 1e6


def fresh(payload: bytes) -> Callable[[], bytes]:
    """Payloads that differ behind their last structure: bluetooth-data-tools remembers what it has seen."""
    serial = count()
    return lambda: payload + b"\0" + next(serial).to_bytes(4, "big")


def name(frame: Frame) -> str:
    return type(frame).__name__


def decoding(frame: Frame) -> Line:
    parts = encode(frame)
    payload = ad.join(*parts)
    malformed: Counter[str] = Counter()
    ours_us = best_us(lambda: decode(*parts, malformed), 100_000)
    theirs_us = best_us(lambda: beacontools.parse_packet(payload), 500)
    return Line(f"decode {name(frame)}", ours_us, "µs", BUDGET_US, "beacontools", theirs_us)


def splitting(frame: Frame) -> Line:
    payload = ad.join(*encode(frame))
    malformed: Counter[str] = Counter()
    ours_us = best_us(lambda: decode(*ad.split(payload, malformed), malformed), 50_000)
    unseen = fresh(payload)
    theirs_us = best_us(lambda: parse_advertisement_data_bytes(unseen()), 20_000) - best_us(unseen, 20_000)
    return Line(f"split and decode {name(frame)}", ours_us, "µs", None, "bluetooth-data-tools, splits only", theirs_us)


def main() -> None:
    """Print the tables."""
    show("Decoding, per advert", [decoding(frame) for frame in EXAMPLES])
    show("From a raw payload, per advert", [splitting(frame) for frame in EXAMPLES])


if __name__ == "__main__":
    main()
