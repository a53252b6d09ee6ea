"""What inner rooms need of the outside, as Protocols; `app` hands the adapters in."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import cache
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

from push.model.delivery import Accepted, Checked, Outgoing, Part

Row = Mapping[str, Any]
"""One row of a result, by column name."""


class Clock(Protocol):
    """UTC in integer milliseconds since the Unix epoch."""

    def now_ms(self) -> int:
        """The time now."""
        ...


class Queries(Protocol):
    """Named statements of `push/database/sql` that read. Parameters are the statement's ``:names``."""

    async def fetch(self, name: str, /, **params: object) -> list[Row]:
        """All rows."""
        ...

    async def fetch_one(self, name: str, /, **params: object) -> Row | None:
        """The first row, None where there is none."""
        ...


class Read(NamedTuple):
    """A statement that reads, and its parameters."""

    name: str
    params: Mapping[str, object]


@runtime_checkable
class Hurried(Queries, Protocol):
    """Queries that can be asked several things in one go, where going there costs as much as the answer."""

    async def fetch_each(self, reads: Sequence[Read]) -> list[list[Row]]:
        """All rows of each."""
        ...


async def fetch_each(db: Queries, reads: Sequence[Read]) -> list[list[Row]]:
    """All rows of each of some reads that do not need each other's answers: in one go where that can be."""
    if _is(type(db), Hurried):
        return await cast("Hurried", db).fetch_each(reads)
    return [await db.fetch(read.name, **read.params) for read in reads]


@cache
def _is(kind: type, protocol: type) -> bool:
    """Whether what is of a type keeps to a protocol: to look at its methods each time costs as much as a read."""
    return issubclass(kind, protocol)


class Transaction(Queries, Protocol):
    """A write transaction: all of it commits, or none."""

    async def execute(self, name: str, /, **params: object) -> int:
        """Run one statement; the number of rows that it changed."""
        ...

    async def execute_many(self, name: str, rows: Sequence[Mapping[str, object]], /) -> None:
        """Run one statement for each row of parameters."""
        ...


class Write(NamedTuple):
    """A statement that writes, and rows of parameters."""

    name: str
    rows: Sequence[Mapping[str, object]]


@runtime_checkable
class Writer(Transaction, Protocol):
    """A transaction that can be told several things in one go, where going there costs as much as to do them."""

    async def execute_each(self, writes: Sequence[Write]) -> None:
        """Run each statement for its rows, in order."""
        ...


async def execute_each(tx: Transaction, writes: Sequence[Write]) -> None:
    """Run each statement for its rows, in order: in one go where that can be."""
    if _is(type(tx), Writer):
        await cast("Writer", tx).execute_each(writes)
        return
    for write in writes:
        await tx.execute_many(write.name, write.rows)


class Database(Queries, Protocol):
    """A database; reads outside a transaction see the last commit."""

    def transaction(self, *, patient: bool = False) -> AbstractAsyncContextManager[Transaction]:
        """A write transaction (`BEGIN IMMEDIATE` on SQLite); an exception inside rolls it back.

        Where one at a time may write, `patient` lets others go first: for much that nobody in a store waits for.
        """
        ...

    async def scrub(self) -> None:
        """Leave no bytes behind of what was deleted by now, as far as the engine lets us. Raises `DatabaseError`."""
        ...


class Publisher(Protocol):
    """The way down to gateways."""

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish, QoS 1 where retained, else QoS 0, without waiting for the broker.

        Without a connection a QoS 0 payload is dropped and counted.
        """
        ...


class Channel(Protocol):
    """One way to a device."""

    name: str

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Hand a message over. Raises `push.model.errors.DeliveryError`."""
        ...


@runtime_checkable
class Fitting(Channel, Protocol):
    """A channel that knows what it can carry."""

    def fit(self, outgoing: Outgoing) -> tuple[Part, ...]:
        """What of a message the channel would have to drop. Raises `push.model.errors.TooLargeError`."""
        ...


@runtime_checkable
class Addressed(Fitting, Protocol):
    """A channel whose devices have an address."""

    def check_address(self, address: Mapping[str, object]) -> dict[str, object]:
        """The address, spelled in the one way that it always is: who is known by one spelling is so by each.

        Refuses what can never work, when it is registered. Raises `push.model.errors.PermanentError`.
        """
        ...


@runtime_checkable
class Credentialed(Addressed, Protocol):
    """A channel with a service that asks who we are: one credential for each app.

    A credential is a mapping as the API takes it; each channel documents its own, as a Struct that forbids unknown
    fields. Secrets of it never appear in what is raised, logged or returned.
    """

    async def check(self, app: str, credential: Mapping[str, object]) -> Checked:
        """Try a credential with the service, sending nothing to anybody.

        Raises `push.model.errors.PermanentError` where it is malformed (its reason says which field, and what was
        expected), `CredentialError` where the service refuses it, `TransientError` where the service does not answer.
        """
        ...

    def use(self, credentials: Mapping[str, Mapping[str, object]]) -> None:
        """Send with these from now on, by app; what is on its way ends as it began. All of them were checked before.

        Without a credential for its app, `send` raises `CredentialError` with the reason ``no_credential``.
        """
        ...


class Pushed:
    """A message offered to one open event stream. Whoever writes it begins, and says whether it is in the socket."""

    def __init__(self, outgoing: Outgoing) -> None:
        self.outgoing = outgoing
        self.begun = False
        self.written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def begin(self) -> bool:
        """Whether the message is still wanted; from here on it may reach the app."""
        self.begun = not self.written.done()
        return self.begun

    def settle(self, *, written: bool) -> None:
        """Say whether it was written; the first word counts."""
        if not self.written.done():
            self.written.set_result(written)


class Stream:
    """An open event stream: `queue` gives what is handed over from now on, None ends it.

    What was handed over before has a number up to `upto_seq`: resuming reads it from the database.
    """

    def __init__(self, queue: asyncio.Queue[Pushed | None], upto_seq: int) -> None:
        self.queue = queue
        self.upto_seq = upto_seq
        self.straight: Callable[[Outgoing], bool] | None = None
        """Writes a message past the empty queue, at once or not at all: for whoever writes the stream to set."""


class Streams(Protocol):
    """Where apps' event streams are registered while they are open."""

    def connect(self, device: str, now_ms: int) -> AbstractAsyncContextManager[Stream]:
        """A device's stream while it lasts."""
        ...

    def end(self, device: str) -> None:
        """End the streams of a device."""
        ...

    def number(self, now_ms: int) -> int:
        """The number of the next event of any stream: they grow in the order in which messages are handed over."""
        ...
