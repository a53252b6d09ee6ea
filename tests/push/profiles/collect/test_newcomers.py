"""How many new people a key that ships in apps and pages may bring, and what it may teach."""

import pytest

from push.profiles.collect.commerce import is_currency
from push.profiles.collect.newcomers import Newcomers
from push.profiles.collect.settings import BoundSettings


def test_a_key_and_an_address_bring_so_many_in_a_minute_and_then_again() -> None:
    doors = Newcomers(BoundSettings(new_people_per_min=5, new_people_per_min_each=3))
    assert doors.let_in("app:a", "192.0.2.1", 3, 30_000) == 0
    assert doors.let_in("app:a", "192.0.2.1", 1, 30_000) == 30_000, "as many as one address may"
    assert doors.let_in("app:a", "192.0.2.2", 3, 30_000) == 30_000, "all of a call, or none"
    assert doors.let_in("app:a", "::1", 2, 59_999) == 0
    assert doors.let_in("app:a", "::1", 1, 59_999) == 1, "as many as the key may, from wherever"
    assert doors.let_in("app:b", "192.0.2.1", 3, 59_999) == 0
    assert doors.let_in("app:a", "192.0.2.1", 3, 60_000) == 0


@pytest.mark.parametrize(("text", "known"), [("eur", True), (" JPY ", True), ("QQQ", False), ("EURO", False)])
def test_a_currency_is_one_that_there_is(text: str, *, known: bool) -> None:
    assert is_currency(text) is known
