"""What every channel promises whoever sends, each before a real service on loopback."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from push.model.delivery import Accepted
from push.model.errors import CredentialError, DeliveryError, TooLargeError, TransientError
from tests.support.smtp_service import PASSWORD
from tests.support.subject import BODY, DEVICES, TITLE, TROUBLES, Subject, Trouble
from tests.support.subjects import SUBJECTS, subject

LOCAL = ("inapp", "screen")
"""Channels that nothing stands behind but streams of our own."""
OUTSIDE = tuple(name for name in SUBJECTS if name not in {*LOCAL, "log"})
"""Channels with somebody else's service."""
TROUBLED: list[tuple[str, Trouble]] = [
    *((name, trouble) for name in OUTSIDE for trouble in TROUBLES if (name, trouble) != ("webhook", "gone")),
    *((name, trouble) for name in LOCAL for trouble in ("gone", "silent")),
]


async def failure(it: Subject) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await it.channel.send(it.outgoing())
    return caught.value


def texts(value: object) -> list[str]:
    """All that an address says, at any depth."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts(each)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("name", SUBJECTS)
async def test_a_message_that_is_taken_is_accepted_and_comes_in_once(name: str, tmp_path: Path) -> None:
    async with subject(name, tmp_path) as it:
        accepted = await it.channel.send(it.outgoing(1))
        assert isinstance(accepted, Accepted)
        assert it.taken() == ({} if name == "log" else {"dlv_1": 1})


@pytest.mark.parametrize(("name", "trouble"), TROUBLED)
async def test_what_goes_wrong_is_told_by_its_kind_and_tells_nothing_of_the_message(
    name: str, trouble: Trouble, tmp_path: Path
) -> None:
    async with subject(name, tmp_path, 0.5 if trouble == "silent" else 20.0) as it:
        await it.suffer(trouble)
        error = await failure(it)
        assert type(error) is it.expected[trouble], repr(error)
        asked_ms = error.retry_after_ms if isinstance(error, TransientError) else None
        assert asked_ms == (it.retry_after_ms if trouble == "busy" else None)
        said = f"{error} {error!r} {error.reason} {error.__cause__!r} {vars(error)}"
        for secret in (TITLE, BODY, PASSWORD, *texts(it.outgoing().address)):
            assert secret not in said
        await it.channel.send(it.outgoing(1))  # the next one finds nothing of it
        assert it.taken()["dlv_1"] == 1


@pytest.mark.parametrize("name", OUTSIDE)
async def test_a_repeat_comes_in_under_the_same_id(name: str, tmp_path: Path) -> None:
    async with subject(name, tmp_path) as it:
        await it.suffer("cut")
        await failure(it)
        await it.channel.send(it.outgoing())
        assert it.taken() == {"dlv_0": 2}


@pytest.mark.parametrize("name", OUTSIDE)
async def test_a_message_that_is_too_large_is_not_sent(name: str, tmp_path: Path) -> None:
    async with subject(name, tmp_path) as it:
        with pytest.raises(TooLargeError) as caught:
            await it.channel.send(it.outgoing(body="x" * 2_000_000))
        assert caught.value.size_bytes > caught.value.most_bytes
        assert it.taken() == {}


@pytest.mark.parametrize("name", OUTSIDE)
async def test_an_app_without_a_credential_waits_for_one(name: str, tmp_path: Path) -> None:
    async with subject(name, tmp_path) as it:
        with pytest.raises(CredentialError, match="no_credential"):
            await it.channel.send(it.outgoing(app="unknown"))
        assert it.taken() == {}


@pytest.mark.parametrize("name", [name for name in (*OUTSIDE, *LOCAL) if name != "webhook"])
async def test_one_dead_address_among_many_concerns_nobody_else(name: str, tmp_path: Path) -> None:
    async with subject(name, tmp_path) as it:
        await it.suffer("gone")
        sent = (it.channel.send(it.outgoing(n)) for n in range(DEVICES))
        outcomes = Counter(type(each) for each in await asyncio.gather(*sent, return_exceptions=True))
        assert outcomes == {Accepted: DEVICES - 1, it.expected["gone"]: 1}


@pytest.mark.parametrize("name", [name for name in SUBJECTS if name != "log"])
async def test_one_that_is_never_answered_keeps_nobody_else_waiting(name: str, tmp_path: Path) -> None:
    async with subject(name, tmp_path) as it:
        await it.suffer("silent")
        sending = [asyncio.create_task(it.channel.send(it.outgoing(n))) for n in range(DEVICES)]
        waiting = set(sending)
        while len(waiting) > 1:
            answered, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            assert all(isinstance(each.result(), Accepted) for each in answered)
        [late] = waiting
        late.cancel()
        await asyncio.wait(waiting)
