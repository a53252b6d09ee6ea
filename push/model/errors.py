"""What code matches on when something failed: the tree of a delivery attempt, and the tree of the database.

DeliveryError
├── TransientError      try again, not before `retry_after_ms`
│   └── OutcomeUnknownError the message may have been taken, nobody said so: repeat it under the same id only
└── PermanentError      never again with this device and channel
    ├── DeviceGoneError     the service says that the address is dead: remove it
    └── UnreachableError    the channel cannot reach the device now: try the next channel

DatabaseError
├── ConflictError       two transactions met: run the whole transaction again
└── UniqueError         a row with this key exists already

OverloadedError         too much waits already: try again in a moment
"""


class DeliveryError(Exception):
    """An attempt that failed; `reason` is short, countable and safe to show and store."""

    def __init__(self, reason: str, *, status: int | None = None) -> None:
        """Keep the reason and the service's HTTP status, where there was one."""
        super().__init__(reason)
        self.reason = reason
        self.status = status


class TransientError(DeliveryError):
    """May work later. `retry_after_ms` is what the service asked for, None where it did not say."""

    def __init__(self, reason: str, *, status: int | None = None, retry_after_ms: int | None = None) -> None:
        """Keep what the service asked for."""
        super().__init__(reason, status=status)
        self.retry_after_ms = retry_after_ms


class OutcomeUnknownError(TransientError):
    """The message was on its way when the answer got lost: it may have arrived."""


class PermanentError(DeliveryError):
    """Will not work with this message, device and channel."""


class DeviceGoneError(PermanentError):
    """The service says that the device's address is dead."""


class UnreachableError(PermanentError):
    """The channel has no way to the device at the moment."""


class DatabaseError(Exception):
    """A statement or transaction that failed; nothing of its transaction was kept. Holds no parameter's value."""


class ConflictError(DatabaseError):
    """Another transaction was in the way (serialization, deadlock, lock time-out): run the transaction again."""


class UniqueError(DatabaseError):
    """A row with the same unique key exists."""


class OverloadedError(Exception):
    """Too much waits already; `what` says of which kind. Nothing was taken in: try again in a moment."""

    def __init__(self, what: str) -> None:
        """Build the message."""
        super().__init__(f"too many {what} wait: try again in a moment")
        self.what = what
