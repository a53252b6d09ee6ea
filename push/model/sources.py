"""Other people's gateways: which topic of the broker speaks of which of a store's gateways, in whose words."""

import re
from typing import Annotated, Final, Literal

import msgspec

from beacons.topics import Id

Dialect = Literal["theengs", "espresense", "raddec"]
"""Theengs Gateway and OpenMQTTGateway; ESPresense; reelyActive's raddec."""
TheirName = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
TopicFilter = Annotated[str, msgspec.Meta(min_length=3, max_length=200)]
MOST_GATEWAYS: Final = 500

NAMED_BEHIND: Final[dict[str, str]] = {"theengs": "BTtoMQTT", "espresense": "devices"}
"""The level of a topic beside which a dialect names its gateway; raddecs name receivers inside."""
_LEVEL: Final = re.compile(r"[A-Za-z0-9_:@~-]+")
"""No dots and no blanks: nats-server spells them otherwise, or not at all."""


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Messages under `topic` (an MQTT filter), in the words of `kind`, are believed of these gateways of the store.

    `gateways` says which of the store's gateways is meant by each name that they give. What they tell `triggers`
    nothing unless the store says so: it is recorded, and answered by nobody. Nobody proves who sent it but the broker.
    """

    store: Id
    id: Id
    kind: Dialect
    topic: TopicFilter
    gateways: Annotated[dict[TheirName, Id], msgspec.Meta(min_length=1, max_length=MOST_GATEWAYS)]
    triggers: bool = False
    enabled: bool = True


def topic_fault(source: Source) -> str | None:
    """What does not fit in a source's topic; None where nothing is wrong."""
    levels = source.topic.split("/")
    if not all(level in {"+", "#"} or _LEVEL.fullmatch(level) for level in levels) or "#" in levels[:-1]:
        return "levels of letters, digits and _ : @ ~ - between slashes were expected, + for any one, # at the end only"
    if levels[0] in {"+", "#", "footfall"}:
        return "a first level of its own was expected: no wildcard, and not footfall, which is our own gateways'"
    needed = NAMED_BEHIND.get(source.kind)
    if needed is not None and needed not in levels:
        return f"a level {needed} was expected: beside it this dialect names the gateway"
    return None


def overlap(one: str, other: str) -> bool:
    """Whether there is a topic that both filters take in (MQTT 3.1.1, 4.7.1)."""
    ours, theirs = one.split("/"), other.split("/")
    for mine, its in zip(ours, theirs, strict=False):
        if "#" in {mine, its}:
            return True
        if mine != its and "+" not in {mine, its}:
            return False
    longer = max(ours, theirs, key=len)[min(len(ours), len(theirs)) :]
    return longer in ([], ["#"])  # "a/#" takes in "a", too
