"""From a topic to the source that it belongs to, in as many steps as the topic has levels, however many sources."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, Protocol

from push.ingest.foreign import espresense, raddec, theengs
from push.ingest.foreign.told import Told
from push.model.sources import Source
from push.registry.directory import Directory


class Dialect(Protocol):
    """What each dialect's module has."""

    def spelled(self, name: str) -> str:
        """A gateway's name in the one way that `translate` gives it."""
        ...

    def translate(self, topic: str, payload: bytes) -> Told:
        """What a message tells. Raises `push.ingest.foreign.told.ForeignError`."""
        ...


DIALECTS: Final[Mapping[str, Dialect]] = {"theengs": theengs, "espresense": espresense, "raddec": raddec}
_HERE: Final = "//"
"""Where a source ends in the tree: no level of a topic has a slash in it."""


class Route(NamedTuple):
    """A source, and its gateways by the names that its dialect gives them: those of its store alone."""

    source: Source
    gateways: Mapping[str, str]

    @property
    def key(self) -> tuple[str, str]:
        """What names it: its store, and its id there."""
        return self.source.store, self.source.id

    def translate(self, topic: str, payload: bytes) -> Told:
        """What a message tells. Raises `push.ingest.foreign.told.ForeignError`."""
        return DIALECTS[self.source.kind].translate(topic, payload)


class Routes:
    """The sources that are believed at present. No two of them share a topic."""

    def __init__(self, directory: Directory) -> None:
        self._tree: dict[str, Any] = {}
        for source in directory.sources:
            if source.enabled:
                self._enter(Route(source, _gateways(source, directory)))

    def _enter(self, route: Route) -> None:
        at = self._tree
        for level in route.source.topic.split("/"):
            at = at.setdefault(level, {})
        at[_HERE] = route

    def find(self, topic: str) -> Route | None:
        """Whose topic it is; None: nobody's."""
        found = [self._tree]
        for level in topic.split("/"):
            for at in found:
                if "#" in at:
                    return _ends(at["#"])
            found = [at[key] for at in found for key in (level, "+") if key in at]
        return next((route for at in found if (route := _ends(at) or _ends(at.get("#", {})))), None)


def _ends(at: Mapping[str, Any]) -> Route | None:
    return at.get(_HERE)


def _gateways(source: Source, directory: Directory) -> dict[str, str]:
    spelled = DIALECTS[source.kind].spelled
    registered = directory.gateways
    return {
        spelled(name): gateway
        for name, gateway in source.gateways.items()
        if gateway in registered and registered[gateway].store == source.store
    }


def filters(sources: Iterable[Source]) -> frozenset[str]:
    """What to subscribe to."""
    return frozenset(source.topic for source in sources if source.enabled)
