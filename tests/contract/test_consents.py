"""What a withdrawal takes back with it, on both databases."""

import pytest

from push.api import consents
from push.database.open import open_database
from push.model.delivery import State
from push.model.people import PURPOSES, Purpose
from tests.support.clocks import SettableClock
from tests.support.outbox import enqueue, join, state

BEHIND: tuple[Purpose, ...] = ("location", "marketing", "profiling")


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("granted", [True, False])
async def test_a_waiting_message_goes_with_what_it_was_made_of(
    database_url: str, purpose: Purpose, *, granted: bool
) -> None:
    """Granted before: taken back. Never granted, and said once more: nothing changes."""
    clock = SettableClock()
    others = tuple(p for p in PURPOSES if granted or p != purpose)
    async with open_database(database_url, clock) as db:
        shopper = await join(db, clock, "phone", purposes=others)
        delivery = await enqueue(db, clock, "phone")
        async with db.transaction() as tx:
            await consents.write(tx, shopper, {purpose: False}, "test", clock.now_ms())
        found = await state(db, delivery)
    assert found == (State.CANCELLED if granted and purpose in BEHIND else State.PENDING)
