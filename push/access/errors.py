"""What goes wrong with people and their proofs.

AccessError
├── NotLetInError        login, password or code is not right: one error for all, so that nobody learns which
├── TooOftenError        too many attempts: not before `wait_s`
├── RefusedError         what was asked for does not hold: a password that is too short, a login that is taken
├── UnknownOperatorError there is no such operator
├── LastAdminError       without her nobody could let anybody in again
├── ChangedError         somebody else was faster: `by` and `at_ms` say who and when
└── SetUpError           set-up is over, or the code is not the one that the server wrote
"""


class AccessError(Exception):
    """What stops somebody; the text may be shown to her."""


class NotLetInError(AccessError):
    """Login, password or code is not right."""

    def __init__(self) -> None:
        """Say nothing of which."""
        super().__init__("Login, password or code is not right.")


class TooOftenError(AccessError):
    """Too many attempts from there, or for that login."""

    def __init__(self, wait_s: int) -> None:
        """Keep how long to wait."""
        super().__init__(f"There were too many. Try again in {wait_s} s.")
        self.wait_s = wait_s


class RefusedError(AccessError):
    """What was asked for cannot be had; the text says what was expected."""


class UnknownOperatorError(AccessError):
    """There is no such operator. GET /v1/operators lists those that there are."""

    def __init__(self) -> None:
        """Build the message."""
        super().__init__("There is no such operator. GET /v1/operators lists those that there are.")


class LastAdminError(AccessError):
    """The last one who may manage people, of every store."""

    def __init__(self) -> None:
        """Build the message."""
        super().__init__("The last admin of every store stays one: nobody could let anybody in again.")


class ChangedError(AccessError):
    """The record is not any more as it was when she read it."""

    def __init__(self, by: str, at_ms: int) -> None:
        """Keep who changed it, and when."""
        super().__init__(f"{by} changed this operator meanwhile.")
        self.by = by
        self.at_ms = at_ms


class SetUpError(AccessError):
    """Nobody can be set up so."""

    def __init__(self) -> None:
        """Say the same of a wrong code and of a set-up that is over."""
        super().__init__(
            "The code is not right, or the set-up is over. The server's log and data folder have the code."
        )
