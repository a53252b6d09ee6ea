"""Who may talk to the broker, and about what."""

import re
from typing import Final

import msgspec

from beacons.topics import ROOT, topic
from push.broker.errors import BrokerError

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,160}")
_PASSWORD: Final = re.compile(r"[A-Za-z0-9_.~+/=-]{8,256}")
"""No quotes, no blanks, and no ``$2a$`` start, which nats-server would take for a bcrypt hash."""
_NOTHING: Final = f"{ROOT}nothing"
"""A topic to which nobody publishes."""


class BrokerUser(msgspec.Struct, frozen=True, kw_only=True):
    """A login, with the MQTT topic filters that it may publish and subscribe to.

    What is kept for one that stands `apart` (retained messages, sessions) takes no room from what is kept for others.
    """

    name: str
    password: str
    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    apart: bool = False

    def __post_init__(self) -> None:
        """Refuse what a configuration file could misread. Raises `BrokerError`."""
        if not _NAME.fullmatch(self.name):
            raise BrokerError(f"broker user {self.name!r}: expected 1 to 160 letters, digits, dots, hyphens")
        if not _PASSWORD.fullmatch(self.password):
            raise BrokerError(f"password of broker user {self.name!r}: expected 8 to 256 characters of base64 or URLs")


def gateway_user(store: str, gateway: str, password: str) -> BrokerUser:
    """A gateway's login: its own topics, in the directions of the wire contract."""
    return BrokerUser(
        name=gateway,
        password=password,
        publish=(topic(store, gateway, "sightings"), topic(store, gateway, "status")),
        subscribe=(topic(store, gateway, "ack"), topic(store, gateway, "config")),
    )


def source_user(name: str, password: str, topic_filter: str) -> BrokerUser:
    """The login of somebody else's gateways: they publish under their own topic, and read nothing.

    What they could read back the broker would keep for sessions that never return; an empty list would let them read
    everything. What they retain nobody takes, so it may fill no more than their own room.
    """
    return BrokerUser(name=name, password=password, publish=(topic_filter,), subscribe=(_NOTHING,), apart=True)


def server_user(name: str, password: str) -> BrokerUser:
    """The server's own login."""
    return BrokerUser(name=name, password=password, publish=("#",), subscribe=("#",))
