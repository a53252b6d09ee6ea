"""MQTT topics of the wire contract, and the ids that may stand in them."""

import re
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

ID_PATTERN: Final = r"^[A-Za-z0-9_-]{1,64}$(?!\n)"
"""In Python `$` also matches before a newline at the end, in JSON Schema it does not: this means the same in both."""
Id = Annotated[str, msgspec.Meta(pattern=ID_PATTERN)]
"""An id that may stand in a topic, a URL and a file name alike."""

Leaf = Literal["sightings", "status", "ack", "config"]

ROOT: Final = "footfall/"
"""How every topic of the contract begins; what does not is of other people's gateways."""
_TOPIC: Final = re.compile(
    r"footfall/v1/([A-Za-z0-9_-]{1,64})/([A-Za-z0-9_-]{1,64})/(sightings|status|ack|config)", re.ASCII
)


def is_id(text: str) -> bool:
    """Whether a text is an id."""
    return re.search(ID_PATTERN, text) is not None


class Topic(NamedTuple):
    """A parsed topic. The store in it is never trusted: the registry says where a gateway stands."""

    store: str
    gateway: str
    leaf: str


def topic(store: str, gateway: str, leaf: Leaf) -> str:
    """The topic of one gateway's `leaf`."""
    return f"footfall/v1/{store}/{gateway}/{leaf}"


def parse_topic(text: str) -> Topic | None:
    """The parts of a topic, or None where it is not one of the contract's."""
    match = _TOPIC.fullmatch(text)
    return None if match is None else Topic(match[1], match[2], match[3])
