"""Nothing is begun that could outlast its claim, however many ways lead to a person and however slow each is."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from push.deliver.attempts import Means
from push.deliver.sender import Sender
from push.model.delivery import Accepted, Outgoing, State
from push.model.errors import PermanentError
from tests.support.clocks import ShiftedClock
from tests.support.faulty import FaultyDatabase
from tests.support.fresh import open_database
from tests.support.outbox import SEALS, SUBSCRIPTION, ScriptedChannel, enqueue, join
from tests.support.sending import SETTINGS, outcomes, reaches

SLOW_MS = 60_000


class SlowChannel(ScriptedChannel):
    """A channel whose every answer takes a minute."""

    def __init__(self, clock: ShiftedClock) -> None:
        super().__init__("webpush", [PermanentError("refused")])
        self._clock = clock

    async def send(self, outgoing: Outgoing) -> Accepted:
        self._clock.shift_ms += SLOW_MS
        return await super().send(outgoing)


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
async def db(tmp_path: Path, clock: ShiftedClock) -> AsyncIterator[FaultyDatabase]:
    async with open_database(f"sqlite://{tmp_path}/push.db", clock) as opened:
        await join(opened, clock, "d1", subscription=dict(SUBSCRIPTION))
        yield FaultyDatabase(opened)


@pytest.mark.parametrize(("longest_s", "claims"), [(5.0, 1), (60.0, 2)])
async def test_what_could_outlast_its_claim_is_claimed_again_first(
    db: FaultyDatabase, clock: ShiftedClock, longest_s: float, claims: int
) -> None:
    inapp = ScriptedChannel("inapp")
    channels = {"webpush": SlowChannel(clock), "inapp": inapp}
    sender = Sender(SETTINGS, Means(db, SEALS, clock, channels, longest_s=longest_s))
    delivery = await enqueue(db, clock, "d1", channels=("webpush", "inapp"), lifetime_s=3600)
    task = asyncio.create_task(sender.run())
    await reaches(db, delivery, State.ACCEPTED)
    sender.stop()
    await task
    assert await outcomes(db, delivery) == [(1, "webpush", "refused"), (claims, "inapp", "accepted")]
