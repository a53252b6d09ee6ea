"""Ten million mutated adverts and a million random ones, none of which may raise.

python tests/bench/bench_fuzz.py [MUTANTS]
"""

import secrets
import sys
import time
from typing import Final

from tests.beacons.mutations import decode_all

MUTANTS: Final = 10_000_000


def main(mutants: int) -> None:
    """Print the seed first, so that what fails can be repeated, then what was heard."""
    seed = secrets.randbits(32)
    sys.stdout.write(f"seed {seed}: {mutants} mutated adverts, {mutants // 10} random ones\n")
    begun_s = time.perf_counter()
    heard, malformed = decode_all(seed, mutants, mutants // 10)
    took_s = time.perf_counter() - begun_s
    sys.stdout.write(f"no exception; {took_s:.0f} s, {took_s / heard.total() * 1e6:.1f} µs each\n")
    for title, counts in (("heard", heard), ("malformed", malformed)):
        sys.stdout.write(f"{title}: {', '.join(f'{kind} {n}' for kind, n in sorted(counts.items()))}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else MUTANTS)
