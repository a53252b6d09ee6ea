"""Purposes that a call names: those that there are, or a problem that says which they are."""

from collections.abc import Iterable

from push.api.contract import Context, ProblemError
from push.profiles.purposes.book import UnknownPurposeError


def refuse_unknown(context: Context, names: Iterable[str]) -> None:
    """Let nothing name a purpose that nobody set up. Raises `ProblemError` 400, and counts it."""
    try:
        context.collecting.desk.purposes.check(names)
    except UnknownPurposeError as error:
        context.collecting.read_counts["unknown_purpose"] += 1
        raise ProblemError(400, "Unknown purpose", f"{str(error)[:1].upper()}{str(error)[1:]}.") from None
