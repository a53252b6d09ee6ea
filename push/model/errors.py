"""What code matches on when something failed: the tree of a delivery attempt, and the tree of the database.

DeliveryError
├── TransientError      try again, not before `retry_after_ms`
│   ├── OutcomeUnknownError the message may have been taken, nobody said so: repeat it under the same id only
│   ├── BusyError           the service asks for less (429, 503): send it fewer at once
│   └── CredentialError     the service refuses us, not the message: nothing gets through until the credential is mended
└── PermanentError      never again with this device and channel
    ├── DeviceGoneError     the service says that the address is dead: remove it
    ├── UnreachableError    the channel cannot reach the device now: try the next channel
    └── TooLargeError       the message does not fit what the channel carries

DatabaseError
├── ConflictError       two transactions met: run the whole transaction again
└── UnfitError          what was to be written cannot be, however often it is tried
    └── UniqueError     a row with this key exists already

OverloadedError         too much waits already: try again in a moment

RegistryError           what is asked of the registry cannot be: nothing of it was done
├── MisfitError         fields that say what cannot be, alone or together
├── AbsentError         there is no such thing
├── TakenError          somebody else has it already, or is in the way
└── StaleError          it was changed since the caller looked
"""

from typing import NamedTuple


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


class BusyError(TransientError):
    """The service has too much to do, or we send too much."""


class CredentialError(TransientError):
    """The service refuses who we say we are: expired, revoked, of another team, or for another app."""


class PermanentError(DeliveryError):
    """Will not work with this message, device and channel."""


class TooLargeError(PermanentError):
    """The message is larger than the channel carries; found before anything is sent."""

    def __init__(self, size_bytes: int, most_bytes: int) -> None:
        """Keep both sizes."""
        super().__init__("payload_too_large")
        self.size_bytes = size_bytes
        self.most_bytes = most_bytes

    def __str__(self) -> str:
        """Say what was expected."""
        return f"the message has {self.size_bytes} bytes as this channel sends it, at most {self.most_bytes} fit"


class DeviceGoneError(PermanentError):
    """The service says that the device's address is dead, since `since_ms` where it says so.

    A device that was registered again after that has a new life.
    """

    def __init__(self, reason: str, *, status: int | None = None, since_ms: int | None = None) -> None:
        """Keep since when."""
        super().__init__(reason, status=status)
        self.since_ms = since_ms


class UnreachableError(PermanentError):
    """The channel has no way to the device at the moment."""


class DatabaseError(Exception):
    """A statement or transaction that failed; nothing of its transaction was kept. Holds no parameter's value."""


class ConflictError(DatabaseError):
    """Another transaction was in the way (serialization, deadlock, lock time-out): run the transaction again."""


class UnfitError(DatabaseError):
    """A value does not fit its column, or breaks a rule of the schema."""


class UniqueError(UnfitError):
    """A row with the same unique key exists."""


class OverloadedError(Exception):
    """Too much waits already; `what` says of which kind. Nothing was taken in: try again in a moment."""

    def __init__(self, what: str) -> None:
        """Build the message."""
        super().__init__(f"too many {what} wait: try again in a moment")
        self.what = what


class Fault(NamedTuple):
    """A field of something registered, and what was expected of it."""

    field: str
    expected: str


class RegistryError(Exception):
    """What is asked of the registry cannot be. `subject` is what it is about, for example ``beacon shelf-1``."""

    def __init__(self, subject: str, why: str) -> None:
        """Build the message."""
        super().__init__(f"{subject}: {why}")
        self.subject = subject
        self.why = why


class MisfitError(RegistryError):
    """Fields that say what cannot be; each with what was expected."""

    def __init__(self, subject: str, faults: tuple[Fault, ...]) -> None:
        """Build the message of all of them."""
        super().__init__(subject, "; ".join(fault.expected for fault in faults))
        self.faults = faults


class AbsentError(RegistryError):
    """There is no such thing."""

    def __init__(self, subject: str) -> None:
        """Build the message."""
        super().__init__(subject, "there is none")


class TakenError(RegistryError):
    """Something else has what is asked for, or stands in the way; `by` are the first of those that do."""

    def __init__(self, subject: str, why: str, by: tuple[str, ...]) -> None:
        """Keep who they are."""
        super().__init__(subject, why)
        self.by = by


class StaleError(RegistryError):
    """It was changed since the caller looked: by whom and when, and what stands now (None: it was deleted)."""

    def __init__(self, subject: str, changed_by: str, changed_ms: int, revision: int, now: object) -> None:
        """Keep what the caller has to look at before she asks again."""
        who = changed_by or "somebody"
        super().__init__(subject, f"{who} has changed it meanwhile" if revision else "it is gone")
        self.changed_by = changed_by
        self.changed_ms = changed_ms
        self.revision = revision
        self.now = now
