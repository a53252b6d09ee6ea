"""The in-app channel: a message counts as handed over when a stream took it, and only then."""

import asyncio

import pytest

from push.channels.inapp import EventStreams, InAppChannel
from push.model.delivery import Accepted, Content, Message, Outgoing
from push.model.errors import OutcomeUnknownError, TransientError, UnreachableError
from push.model.ports import Pushed, Stream

NOW_MS = 1_800_000_000_000


def outgoing(name: str = "m1", *, now_ms: int = NOW_MS) -> Outgoing:
    message = Message(
        id=name,
        shopper="ada",
        campaign="c",
        content=Content(title="Hello", body=""),
        created_ms=NOW_MS,
        expires_ms=NOW_MS + 60_000,
        collapse_key="c",
    )
    return Outgoing(delivery=f"dlv-{name}", device="d1", message=message, address={}, now_ms=now_ms)


@pytest.fixture
def streams() -> EventStreams:
    return EventStreams()


@pytest.fixture
def channel(streams: EventStreams) -> InAppChannel:
    return InAppChannel(streams, write_timeout_s=0.05)


async def taken(stream: Stream, *, written: bool = True) -> Pushed:
    """What a stream's writer does."""
    pushed = await stream.queue.get()
    assert pushed is not None
    assert pushed.begin()
    pushed.settle(written=written)
    return pushed


async def test_without_a_stream_the_app_cannot_be_reached(channel: InAppChannel) -> None:
    with pytest.raises(UnreachableError, match="app_not_connected"):
        await channel.send(outgoing())


async def test_a_message_is_accepted_once_it_is_written_with_its_number(
    streams: EventStreams, channel: InAppChannel
) -> None:
    async with streams.connect("d1", NOW_MS) as stream:
        sending = asyncio.create_task(channel.send(outgoing()))
        pushed = await taken(stream)
        accepted = await sending
    assert accepted == Accepted(seq=pushed.outgoing.seq, dropped=channel.fit(pushed.outgoing))
    assert accepted.dropped == ("collapse_key",)
    assert accepted.seq > stream.upto_seq


async def test_numbers_grow_whatever_the_clock_does(streams: EventStreams) -> None:
    numbers = [streams.number(now_ms) for now_ms in (NOW_MS, NOW_MS, NOW_MS - 5000, NOW_MS + 10, NOW_MS)]
    assert numbers == [NOW_MS, NOW_MS + 1, NOW_MS + 2, NOW_MS + 10, NOW_MS + 11]


async def test_one_stream_that_takes_it_is_enough_and_is_not_waited_for_the_other(streams: EventStreams) -> None:
    patient = InAppChannel(streams, write_timeout_s=60)
    async with streams.connect("d1", NOW_MS) as deaf, streams.connect("d1", NOW_MS) as live:
        sending = asyncio.create_task(patient.send(outgoing()))
        await taken(live)
        async with asyncio.timeout(30):
            await sending
        assert deaf.queue.qsize() == 1


async def test_a_stream_that_breaks_while_writing_did_not_take_it(streams: EventStreams, channel: InAppChannel) -> None:
    async with streams.connect("d1", NOW_MS) as stream:
        sending = asyncio.create_task(channel.send(outgoing()))
        await taken(stream, written=False)
        with pytest.raises(UnreachableError, match="app_went_away"):
            await sending


async def test_a_stream_that_ends_refuses_what_waits_in_it(streams: EventStreams) -> None:
    patient = InAppChannel(streams, write_timeout_s=60)
    async with streams.connect("d1", NOW_MS):
        sending = asyncio.create_task(patient.send(outgoing()))
        await asyncio.sleep(0)
    with pytest.raises(UnreachableError, match="app_went_away"):
        async with asyncio.timeout(30):
            await sending
    assert streams.connected == 0


async def test_a_write_that_began_and_never_ended_leaves_the_outcome_unknown(
    streams: EventStreams, channel: InAppChannel
) -> None:
    async with streams.connect("d1", NOW_MS) as stream:
        sending = asyncio.create_task(channel.send(outgoing()))
        pushed = await stream.queue.get()
        assert pushed is not None
        assert pushed.begin()
        with pytest.raises(OutcomeUnknownError):
            await sending


async def test_a_write_that_never_began_will_not_any_more(streams: EventStreams, channel: InAppChannel) -> None:
    async with streams.connect("d1", NOW_MS) as stream:
        with pytest.raises(TransientError, match="app_too_slow") as caught:
            await channel.send(outgoing())
        assert not isinstance(caught.value, OutcomeUnknownError)
        pushed = await stream.queue.get()
        assert pushed is not None
        assert not pushed.begin()


async def test_closing_ends_streams_that_are_open_and_those_to_come(streams: EventStreams) -> None:
    async with streams.connect("d1", NOW_MS) as before:
        streams.close()
        assert await before.queue.get() is None
        async with streams.connect("d2", NOW_MS) as after:
            assert await after.queue.get() is None
