"""Until when a request must be answered: the same day of a later month, or the last one there is."""

import datetime as dt

import pytest

from push.profiles.rights.requests import due_ms


@pytest.mark.parametrize(
    ("asked", "months", "due"),
    [
        ("2026-11-22T10:30:00", 1, "2026-12-22T10:30:00"),
        ("2026-12-15T00:00:00", 1, "2027-01-15T00:00:00"),
        ("2027-01-31T23:59:59", 1, "2027-02-28T23:59:59"),
        ("2028-01-31T00:00:00", 1, "2028-02-29T00:00:00"),
        ("2026-11-30T12:00:00", 3, "2027-02-28T12:00:00"),
        ("2026-10-31T12:00:00", 1, "2026-11-30T12:00:00"),
        ("2026-11-30T12:00:00", 1, "2026-12-30T12:00:00"),
    ],
)
def test_a_month_ends_on_the_same_day_or_the_last(asked: str, months: int, due: str) -> None:
    def ms(text: str) -> int:
        return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp() * 1000)

    assert due_ms(ms(asked), months) == ms(due)
