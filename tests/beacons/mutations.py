"""A seeded stream of broken adverts: random bytes almost never reach a frame, so valid ones are mutated."""

import random
from collections import Counter
from collections.abc import Iterator
from typing import Final

from beacons import ad
from beacons.frames import decode, encode
from tests.beacons.air import EXAMPLES

Parts = tuple[dict[int, bytes], dict[str, bytes]]

VALID: Final[tuple[Parts, ...]] = tuple(encode(frame) for frame in EXAMPLES)
PAYLOADS: Final = tuple(ad.join(*parts) for parts in VALID)
BODIES: Final = tuple(data for parts in VALID for named in parts for data in named.values())


def mutated(source: random.Random, valid: bytes, pool: tuple[bytes, ...]) -> bytes:
    """One to three of: a bit flipped, a byte overwritten, cut short, grown, spliced with another."""
    raw = bytearray(valid)
    for _ in range(source.randrange(1, 4)):
        at = source.randrange(len(raw) + 1)
        way = source.randrange(6)
        if way == 0:
            raw[at:] = b""
        elif way == 1:
            raw[at:at] = source.randbytes(source.randrange(1, 5))
        elif way == 2:
            raw[at:] = source.choice(pool)[at:]
        elif at < len(raw):
            raw[at] = raw[at] ^ (1 << source.randrange(8)) if way < 5 else source.randrange(256)
    return bytes(raw)


def adverts(seed: int, mutants: int, noise: int) -> Iterator[Parts | bytes]:
    """`mutants` broken adverts, every second as a whole payload, then `noise` payloads of random bytes."""
    source = random.Random(seed)  # noqa: S311 - a run must be repeatable
    for number in range(mutants):
        if number % 2:
            yield mutated(source, PAYLOADS[number // 2 % len(PAYLOADS)], PAYLOADS)
            continue
        manufacturer_data, service_data = VALID[number // 2 % len(VALID)]
        yield (
            {company: mutated(source, data, BODIES) for company, data in manufacturer_data.items()},
            {uuid: mutated(source, data, BODIES) for uuid, data in service_data.items()},
        )
    for _ in range(noise):
        yield source.randbytes(source.randrange(32))


def decode_all(seed: int, mutants: int, noise: int) -> tuple[Counter[str], Counter[str]]:
    """(frames by kind, malformed by kind) of a stream; whatever decodes must survive being sent and heard again."""
    heard: Counter[str] = Counter()
    malformed: Counter[str] = Counter()
    for advert in adverts(seed, mutants, noise):
        manufacturer_data, service_data = ad.split(advert, malformed) if isinstance(advert, bytes) else advert
        frame = decode(manufacturer_data, service_data, malformed)
        if frame is None:
            heard["none"] += 1
        else:
            heard[type(frame).__name__] += 1
            assert decode(*encode(frame), malformed) == frame
    return heard, malformed
