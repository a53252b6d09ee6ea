"""What decisions are made with: what is in force, as of the last reload, and what opens what is sealed."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from push.campaigns import content
from push.campaigns.book import Book
from push.model.decisions import Policy
from push.profiles.guarded import ReadTraits
from push.profiles.keys import Keyring
from push.profiles.view import Sight
from push.registry import hours
from push.registry.clocks import Zones
from push.registry.directory import Directory

NOTHING: Final[Mapping[str, Any]] = {}


class InForce:
    """Campaigns, places, stops and feeds as they are in force; whoever reloads them sets them here."""

    def __init__(self, policy: Policy, checkouts: frozenset[str] = frozenset()) -> None:
        self.policy = policy
        self.checkouts = checkouts
        self.zones = Zones()
        self.directory = Directory()
        self.zone = "UTC"
        """The time zone of most stores, for what happens at no place."""
        self.book = Book(())
        self.stopped: frozenset[str] = frozenset()
        self.feeds: Mapping[str, Any] = NOTHING
        """What feeds say, by the name that rules read: `feed.weather.rain`."""
        self.occupancy: Callable[[str], int | None] = _unknown
        self.prepare: Callable[[Book], None] = _nothing
        """Makes ready what rendering campaigns takes."""
        self._calendars: dict[str, hours.Calendar] = {}

    async def use(self, directory: Directory, book: Book, now_ms: int) -> None:
        """Take over a registry and campaigns: time zones and holidays are read of the disk before they hold."""
        await self.zones.learn({store.time_zone for store in directory.stores.values()})
        timed = [store for store in directory.stores.values() if store.opening or store.days or store.holidays]
        calendars = {store.id: await hours.calendar(store, now_ms) for store in timed}
        self.directory, self.book, self._calendars = directory, book, calendars
        counted = Counter(store.time_zone for store in directory.stores.values())
        self.zone = min(counted, key=lambda name: (-counted[name], name), default="UTC")
        self.prepare(book)

    def opening(self, store: str, now_ms: int) -> tuple[bool | None, bool]:
        """Whether a store is open (None: nobody knows), and whether it is a holiday there."""
        known, calendar = self.directory.stores.get(store), self._calendars.get(store)
        if known is None or calendar is None:
            return None, False
        status = hours.status(known, calendar, now_ms)
        return (None, False) if status is None else (status.is_open, status.holiday is not None)


def _nothing(book: Book) -> None:
    del book


def _unknown(store: str) -> int | None:
    del store
    return None


class Means(NamedTuple):
    """What is in force, what opens people's data, how rules see them, what templates may say, and what renders."""

    in_force: InForce
    keyring: Keyring
    sight: Sight
    read_traits: ReadTraits
    content: content.Means
