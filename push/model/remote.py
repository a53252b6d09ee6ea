"""What gateways are told beside their filter, as people set it: for a store, and for one gateway in it."""

from itertools import pairwise
from typing import Annotated

import msgspec

from beacons.wire import GatewayConfig

_Company = Annotated[int, msgspec.Meta(ge=0, le=1000)]
_Changing = Annotated[int, msgspec.Meta(ge=100, le=60_000)]
_Steady = Annotated[int, msgspec.Meta(ge=100, le=600_000)]
_Forget = Annotated[int, msgspec.Meta(ge=1000, le=3_600_000)]


class RemoteSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Fields of `beacons.wire.GatewayConfig` by their names and bounds; what is None is inherited.

    A gateway inherits from its store, and a store from the wire contract's own defaults.
    """

    company_ms: _Company | None = None
    changing_ms: _Changing | None = None
    steady_ms: _Steady | None = None
    forget_ms: _Forget | None = None
    pass_eid: bool | None = None

    def over(self, inherited: "RemoteSettings") -> "RemoteSettings":
        """These, and what they leave out from another."""
        return msgspec.structs.replace(inherited, **set_of(self))

    def applied(self, config: GatewayConfig) -> GatewayConfig:
        """A configuration with these in it."""
        return msgspec.structs.replace(config, **set_of(self))

    def faults(self) -> list[str]:
        """What of it fits together in no way, once it is complete."""
        whole = self.applied(GatewayConfig(version=1))
        order = (("changing_ms", whole.changing_ms), ("steady_ms", whole.steady_ms), ("forget_ms", whole.forget_ms))
        return [
            f"{name} ({value}) is longer than {longer} ({most})"
            for (name, value), (longer, most) in pairwise(order)
            if value > most
        ]


def set_of(settings: RemoteSettings) -> dict[str, int | bool]:
    """What is set, by name."""
    return {name: value for name, value in msgspec.structs.asdict(settings).items() if value is not None}
