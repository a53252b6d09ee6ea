"""The server that is asked, as whoever is logged in."""

import os

from beacons.cli import place
from beacons.cli.api import Api


def server() -> Api:
    """To be used in a `with` block. Raises `CommandError`, `NotLetInError`: nobody is logged in."""
    caller = place.caller(os.environ)
    return Api(caller.place, caller)
