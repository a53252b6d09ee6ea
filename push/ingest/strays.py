"""Gateways that follow another configuration than the registry's. Pure.

A broker that was killed may come back with what it retained half an hour ago, and gateways apply whatever authentic
configuration they get: did they refuse what is older, a server with a new database would lock them out for good. So
it is the server that notices, and says again what holds.
"""

from collections.abc import Sequence

from push.ingest.intake import StatusArrived
from push.registry.directory import Directory


class Strays:
    """Remembers, for each gateway, the wrong version that it reported last."""

    def __init__(self) -> None:
        self._reported: dict[str, int] = {}

    def found(self, statuses: Sequence[StatusArrived], directory: Directory) -> set[str]:
        """Gateways that reported the same wrong version twice in a row: after once, the right one may be on its way."""
        return {s.gateway for s in statuses if s.status.state == "online" and self._strays(s, directory)}

    def _strays(self, said: StatusArrived, directory: Directory) -> bool:
        version = said.status.config_version
        before = self._reported.pop(said.gateway, None)
        if version == directory.config_versions.get(said.gateway, version):
            return False
        if version != before:
            self._reported[said.gateway] = version
        return version == before
