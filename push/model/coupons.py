"""Coupons: pools of codes that are good once, and what a code is worth."""

from typing import Annotated, Literal

import msgspec

from beacons.registry import Name
from beacons.topics import Id
from push.model.campaigns import Value

Kind = Literal["list", "signed"]
"""Codes that were handed in, each good once; or made for each person when she is told, and signed."""
Currency = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$(?!\n)")]
"""ISO 4217."""


class Pool(Value, frozen=True, kw_only=True):
    """Where codes come from, and what one is worth: in words, and for tills as a share or an amount.

    A code ends after `days`, with its offer where that is 0, and some minutes after her visit `with_visit`. One person
    gets `per_person` codes at most, 0 for any number. It is redeemed in `stores`, in any where none is named.
    """

    id: Id
    name: Name
    kind: Kind
    reward: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    percent: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None
    amount_minor: Annotated[int, msgspec.Meta(ge=1, le=10**9)] | None = None
    currency: Currency | None = None
    days: Annotated[int, msgspec.Meta(ge=0, le=3660)] = 30
    with_visit: bool = False
    per_person: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 1
    stores: Annotated[tuple[Id, ...], msgspec.Meta(max_length=1000)] = ()
