"""Registration of an Eddystone-EID beacon: the resolver's half of the protocol, and what does not fit in it.

Source: eddystone-eid/eid-computation.md of google/eddystone, "Computing the identity key". Resolver and beacon swap
X25519 public keys and derive the same identity key; the beacon then says its counter and the id that it computed for
it, so that both know that they agree on key, clock and rotation period before it is mounted somewhere.
"""

from typing import Final, Literal, NamedTuple

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from beacons import eid

SEARCH_S: Final = 86_400
"""How far a wrong clock is looked for, either way: what is off by more was never set."""
_MOST_WINDOWS: Final = 1 << 16
"""Searched either way at small exponents: 18 hours' worth at K = 0, in some milliseconds."""

Fault = Literal["key", "clock", "exponent"]


class Registration(NamedTuple):
    """What a beacon says of itself; `initial_eid` is the id that it says while its counter reads `counter_s`."""

    beacon_public_key: bytes
    exponent: int
    counter_s: int
    initial_eid: bytes


class Misfit(NamedTuple):
    """Why the initial id is not what server and beacon should agree on; `says` tells people what to look at."""

    fault: Fault
    says: str


def agree(service_private: X25519PrivateKey, asked: Registration) -> bytes:
    """The identity key, 16 bytes.

    Raises ValueError for a public key, an exponent or a counter that the specification does not know.
    """
    key = eid.register(service_private, asked.beacon_public_key)
    eid.check(key, asked.exponent, asked.counter_s)
    return key


def misfit(identity_key: bytes, asked: Registration) -> Misfit | None:
    """What does not fit; None where the initial id is the one that follows from key, exponent and counter."""
    if eid.compute(identity_key, asked.exponent, asked.counter_s) == asked.initial_eid:
        return None
    return _other_exponent(identity_key, asked) or _other_clock(identity_key, asked) or _KEY


_KEY: Final = Misfit(
    "key",
    "the key does not fit: no exponent and no counter within a day gives this id; either the beacon did not take the "
    "server's public key, or this is not its own",
)


def _other_exponent(identity_key: bytes, asked: Registration) -> Misfit | None:
    for exponent in range(eid.MAX_EXPONENT + 1):
        if eid.compute(identity_key, exponent, asked.counter_s) == asked.initial_eid:
            return Misfit("exponent", f"the exponent does not fit: with {exponent} the id is the right one")
    return None


def _other_clock(identity_key: bytes, asked: Registration) -> Misfit | None:
    """The window nearest to the one asked for in which the beacon would say this id."""
    total = 1 << (eid.COUNTER_BITS - asked.exponent)
    here = asked.counter_s >> asked.exponent
    reach = min(max(1, SEARCH_S >> asked.exponent), _MOST_WINDOWS, (total - 1) // 2)
    first = (here - reach) % total
    ids = eid.compute_many(identity_key, asked.exponent, first, 2 * reach + 1)
    found = np.flatnonzero(np.frombuffer(ids, dtype="V8") == np.frombuffer(asked.initial_eid, dtype="V8"))
    if not len(found):
        return None
    steps = int(found[np.abs(found - reach).argmin()]) - reach
    off_s = steps << asked.exponent
    way = "ahead of" if off_s > 0 else "behind"
    return Misfit("clock", f"the clock does not fit: the beacon is about {abs(off_s)} s {way} the counter said")
