"""What the simulated store costs: seconds of CPU for a second of store life, by the number of shoppers in it.

python tests/bench/bench_world.py
"""

import sys
import time
from typing import Final

from beacons.registry import Beacon
from firmware_sim import builds
from firmware_sim.floor import hamburg
from firmware_sim.walkers import crowd
from firmware_sim.world import Carrier, World

START_MS: Final = 1_760_000_000_000
SECONDS: Final = 20


def world(shoppers: int) -> World:
    floor = hamburg()
    walkers = crowd(floor, [START_MS + n for n in range(shoppers)], seed=1)
    tags = [Beacon(id=f"t{n}", role="tag", format="eid", exponent=10) for n in range(shoppers)]
    builts = [builds.phone(tag, n.to_bytes(16, "big")) for n, tag in enumerate(tags)]
    carriers = [Carrier(walker=walker, build=build) for walker, build in zip(walkers, builts, strict=True)]
    return World(floor, carriers, start_ms=START_MS, seed=1)


def main() -> None:
    """Print the table."""
    sys.stdout.write(f"{'shoppers':>10}{'packets heard/s':>18}{'collided':>12}{'share of a core':>18}\n")
    for shoppers in (0, 10, 30, 100, 300):
        place = world(shoppers)
        began_s = time.process_time()
        heard = sum(1 for _ in place.events(START_MS + SECONDS * 1000))
        share = (time.process_time() - began_s) / SECONDS
        collided = place.radio.collisions / max(1, place.radio.collisions + heard)
        sys.stdout.write(f"{shoppers:>10}{heard / SECONDS:>18.0f}{collided:>12.1%}{share:>18.1%}\n")


if __name__ == "__main__":
    main()
