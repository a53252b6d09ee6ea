"""What pages about people work with, beside what every page does."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from push.profiles.collect.intake import Consequences
from push.profiles.desk import Desk
from push.profiles.segments.membership import Means as Segments


class Means(NamedTuple):
    """Keys and rules, and what is done to people elsewhere than in the database."""

    desk: Desk
    following: Consequences
    """What follows where consents in force change: messages that wait, who is located."""
    erase: Callable[[str, str], Awaitable[bool]]
    """Erase a person by any facet of hers, in the name of an actor; whether there was anybody."""
    segments: Segments
    """What asks rules of people."""
