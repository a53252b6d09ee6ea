"""Decoding beside the best-known libraries, and rotating ids one by one and many at once, each in one run.

python tests/bench/bench_decode.py
"""

import sys
from collections import Counter
from collections.abc import Callable
from itertools import count
from timeit import repeat
from typing import Final

import beacontools
from bluetooth_data_tools import parse_advertisement_data_bytes

from beacons import ad, eid
from beacons.frames import Frame, decode, encode
from tests.beacons.air import EXAMPLES

ROUNDS: Final = 5
KEY: Final = bytes(range(16))
WINDOWS: Final = 1024


def best_s(call: Callable[[], object], times: int) -> float:
    """Seconds of one call, in the best of some rounds: the least disturbed by what else the machine does."""
    return min(repeat(call, number=times, repeat=ROUNDS)) / times


def row(*cells: object) -> None:
    sys.stdout.write("".join(f"{cell:>22}" for cell in cells) + "\n")


def fresh(payload: bytes) -> Callable[[], bytes]:
    """Payloads that differ behind their last structure: bluetooth-data-tools remembers what it has seen."""
    serial = count()
    return lambda: payload + b"\0" + next(serial).to_bytes(4, "big")


def measure(frame: Frame) -> None:
    parts = encode(frame)
    payload = ad.join(*parts)
    malformed: Counter[str] = Counter()
    unseen = fresh(payload)
    making = best_s(unseen, 20_000)
    row(
        type(frame).__name__,
        f"{best_s(lambda: decode(*parts, malformed), 100_000) * 1e6:.2f}",
        f"{best_s(lambda: decode(*ad.split(payload, malformed), malformed), 50_000) * 1e6:.2f}",
        f"{best_s(lambda: beacontools.parse_packet(payload), 500) * 1e6:.1f}",
        f"{(best_s(lambda: parse_advertisement_data_bytes(unseen()), 20_000) - making) * 1e6:.2f}",
    )


def naive(exponent: int) -> bytes:
    return b"".join(eid.compute(KEY, exponent, window << exponent) for window in range(WINDOWS))


def main() -> None:
    """Print both tables."""
    sys.stdout.write("µs per advert; beacontools knows no AltBeacon, bluetooth-data-tools splits AD structures only\n")
    row("", "decode", "split and decode", "beacontools", "bluetooth-data-tools")
    for frame in EXAMPLES:
        measure(frame)
    sys.stdout.write(f"\nns per id-window, {WINDOWS} windows of one beacon\n")
    row("exponent", "one by one", "compute_many")
    for exponent in (0, 4, 8, 10, 12, 15):
        one_by_one = best_s(lambda k=exponent: naive(k), 2) / WINDOWS  # type: ignore[misc]
        many = best_s(lambda k=exponent: eid.compute_many(KEY, k, 0, WINDOWS), 20) / WINDOWS  # type: ignore[misc]
        row(exponent, f"{one_by_one * 1e9:.0f}", f"{many * 1e9:.0f}")


if __name__ == "__main__":
    main()
