"""What a watch has learned, as bytes that another one can take up: a restart need not learn it again."""

from typing import Final

import msgspec
import numpy as np

from push.health.columns import Columns, Links, common
from push.health.fleet import place
from push.health.watch import Watch

VERSION: Final = 1


class Memory(msgspec.Struct, frozen=True, array_like=True):
    """Columns by the ids that they are of; `places` tell where fixtures were, in their order."""

    version: int
    fixtures: list[str]
    places: list[str]
    gateways: list[str]
    of_fixtures: dict[str, bytes]
    of_gateways: dict[str, bytes]
    links: bytes
    of_links: dict[str, bytes]


def dump(watch: Watch) -> bytes:
    """Everything that is worth keeping."""
    fleet = watch.fleet
    return msgspec.msgpack.encode(
        Memory(
            VERSION,
            [b.id for b in fleet.fixtures],
            [repr(place(b)) for b in fleet.fixtures],
            [g.id for g in fleet.gateways],
            watch.fixtures.dump(),
            watch.gateways.dump(),
            watch.links.keys.tobytes(),
            watch.links.of.dump(),
        )
    )


def restore(watch: Watch, dumped: bytes) -> bool:
    """Give a watch what another one knew of those whom it watches over; False where nobody can read that any more.

    Fixtures that were moved meanwhile in the registry are learned anew.
    """
    try:
        held = msgspec.msgpack.decode(dumped, type=Memory)
    except msgspec.DecodeError:
        return False
    if held.version != VERSION or len(held.links) % 8 or len(held.places) != len(held.fixtures):
        return False
    fleet = watch.fleet
    fixtures = common(held.fixtures, [b.id for b in fleet.fixtures])
    gateways = common(held.gateways, [g.id for g in fleet.gateways])
    watch.fixtures = _loaded("fixtures", len(held.fixtures), held.of_fixtures).taken(
        len(fleet.fixtures), fixtures[1], fixtures[0]
    )
    watch.gateways = _loaded("gateways", len(held.gateways), held.of_gateways).taken(
        len(fleet.gateways), gateways[1], gateways[0]
    )
    links = Links(len(held.gateways))
    links.keys = np.frombuffer(held.links, dtype=np.int64).copy()
    links.of = _loaded("links", len(links.keys), held.of_links)
    stays = np.array(
        [held.places[i] == repr(place(fleet.fixtures[j])) for i, j in zip(*fixtures, strict=True)], dtype=bool
    )
    watch.links = links.moved(
        (fixtures[0][stays], fixtures[1][stays]), gateways, len(held.fixtures), len(fleet.gateways)
    )
    return True


def _loaded(family: str, n: int, dumped: dict[str, bytes]) -> Columns:
    columns = Columns(family, n)
    columns.load(dumped)
    return columns
