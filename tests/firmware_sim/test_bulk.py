"""The air in columns hears what the air packet by packet hears: not the same draws, the same physics."""

from collections import Counter

import numpy as np

from firmware_sim.bulk import on_air
from firmware_sim.floor import hamburg
from firmware_sim.roster import carrier, people
from firmware_sim.world import World

START_MS = 1_760_000_000_000
UNTIL_MS = START_MS + 12_000


def test_columns_hear_as_much_as_strongly_and_lose_as_much_as_one_packet_at_a_time() -> None:
    floor = hamburg()
    carriers = [carrier(person) for person in people(floor, 40, 1000, 3, START_MS)]
    world = World(floor, carriers, start_ms=START_MS, seed=3)
    one_by_one = list(world.events(UNTIL_MS))
    heard, payloads = on_air(floor, carriers, START_MS, UNTIL_MS, 3)
    assert world.radio.collisions > 0.05 * len(one_by_one)
    assert abs(len(heard.at_ms) / len(one_by_one) - 1) < 0.02
    mean_dbm = np.mean([packet.rssi_dbm for packet in one_by_one])
    assert abs(heard.rssi_dbm.mean() - mean_dbm) < 0.3
    counts = Counter(packet.payload for packet in one_by_one)
    often = [payload for payload, count in counts.items() if count > 100]
    mine = Counter({payloads[n]: count for n, count in Counter(heard.payload.tolist()).items()})
    assert often
    assert all(abs(mine[payload] / counts[payload] - 1) < 0.25 for payload in often)
