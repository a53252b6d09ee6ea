"""What FCM answers, and what becomes of it: by the documentation's own error codes, and where it breaks."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push.channels import fcm, fcm_wire
from push.channels.fcm import Fcm
from push.model.delivery import Content, Message, Outgoing
from push.model.errors import (
    BusyError,
    CredentialError,
    DeliveryError,
    DeviceGoneError,
    OutcomeUnknownError,
    PermanentError,
    TransientError,
)
from tests.support import fcm_service
from tests.support.brokers import until
from tests.support.clocks import SettableClock
from tests.support.fcm_service import KEY_FILE, PEM, Fault, FcmService

NOW_MS = 1_800_000_000_000
TOKEN = "fcm-token:APA91bHun4MxP5egoKMwt2KZFBaFUH"  # noqa: S105 - nobody's


def outgoing(token: str = TOKEN, app: str = "default") -> Outgoing:
    message = Message(
        id="m1",
        shopper="ada",
        campaign="welcome",
        content=Content(title="Geheimnis", body="Your coffee is on us"),
        created_ms=NOW_MS,
        expires_ms=NOW_MS + 600_000,
        collapse_key="welcome",
    )
    return Outgoing(delivery="d1", device="phone", message=message, address={"token": token}, now_ms=NOW_MS, app=app)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[FcmService]:
    async with fcm_service.serving(tmp_path, SettableClock(NOW_MS)) as running:
        yield running


@pytest.fixture
async def channel(service: FcmService) -> AsyncIterator[Fcm]:
    async with fcm.connect(service.settings(), SettableClock(NOW_MS)) as connected:
        connected.use({"default": {"service_account": KEY_FILE, "private": False}})
        yield connected


async def failure(channel: Fcm, message: Outgoing | None = None) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await channel.send(message or outgoing())
    return caught.value


BY_CODE = [
    (Fault(status=404, code="UNREGISTERED"), DeviceGoneError, "unregistered"),
    (Fault(status=404), PermanentError, "not_found"),
    (Fault(status=400, code="INVALID_ARGUMENT"), PermanentError, "request_refused"),
    (Fault(status=400, code="INVALID_ARGUMENT", fields=("message.token",)), DeviceGoneError, "bad_token"),
    (Fault(status=400, fields=("message.fid",)), DeviceGoneError, "bad_token"),
    (Fault(status=400, fields=("message.token", "message.data[0].value")), PermanentError, "request_refused"),
    (Fault(status=400, fields=("message.android.ttl",)), PermanentError, "request_refused"),
    (
        Fault(
            status=400,
            code="INVALID_ARGUMENT",
            message="The registration token is not a valid FCM registration token",
        ),
        DeviceGoneError,
        "bad_token",
    ),
    (Fault(status=403, code="SENDER_ID_MISMATCH"), PermanentError, "sender_id_mismatch"),
    (Fault(status=403), CredentialError, "permission_denied"),
    (Fault(status=401, code="THIRD_PARTY_AUTH_ERROR"), CredentialError, "third_party_auth"),
    (Fault(status=401, code="APNS_AUTH_ERROR"), CredentialError, "third_party_auth"),
    (Fault(status=429, code="QUOTA_EXCEEDED"), BusyError, "quota_exceeded"),
    (Fault(status=500, code="INTERNAL"), TransientError, "service_failed"),
    (Fault(status=503, code="UNAVAILABLE"), BusyError, "service_unavailable"),
    (Fault(status=504), TransientError, "service_failed"),
    (Fault(status=408), TransientError, "service_failed"),
    (Fault(status=413), PermanentError, "request_refused"),
    (Fault(status=307, headers={"Location": "https://127.0.0.1:9/"}), PermanentError, "redirect_refused"),
]


@pytest.mark.parametrize(
    ("fault", "kind", "reason"), BY_CODE, ids=[f"{f.status} {f.code} {' '.join(f.fields)}" for f, _, _ in BY_CODE]
)
async def test_each_answer_means_what_the_documentation_says(
    service: FcmService, channel: Fcm, fault: Fault, kind: type[DeliveryError], reason: str
) -> None:
    service.faults.append(fault)

    failed = await failure(channel)

    assert (type(failed), failed.reason, failed.status) == (kind, reason, fault.status)
    assert (await channel.send(outgoing())).status == 200


async def test_a_token_that_the_service_does_not_know_is_gone_and_one_without_form_too(
    service: FcmService, channel: Fcm
) -> None:
    service.gone.add(TOKEN)

    assert isinstance(await failure(channel), DeviceGoneError)
    assert isinstance(await failure(channel, outgoing("truncated")), DeviceGoneError)


@pytest.mark.parametrize(
    ("status", "headers", "wait_ms"),
    [
        (429, {"Retry-After": "7"}, 7000),
        (429, {"Retry-After": "0"}, 0),
        (429, {}, 60_000),
        (429, {"Retry-After": "soon"}, 60_000),
        (503, {"Retry-After": "Fri, 15 Jan 2027 08:01:00 GMT", "Date": "Fri, 15 Jan 2027 08:00:00 GMT"}, 60_000),
        (503, {}, None),
        (500, {"Retry-After": "3"}, 3000),
        (500, {}, None),
    ],
)
async def test_it_waits_as_long_as_it_was_asked_to(
    service: FcmService, channel: Fcm, status: int, headers: dict[str, str], wait_ms: int | None
) -> None:
    service.faults.append(Fault(status=status, headers=headers))

    failed = await failure(channel)

    assert isinstance(failed, TransientError)
    assert failed.retry_after_ms == wait_ms


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_a_busy_service_may_answer_with_a_page(service: FcmService, channel: Fcm, status: int) -> None:
    service.faults.append(Fault(status=status, body=b"<!DOCTYPE html><title>Error</title>"))

    failed = await failure(channel)

    assert isinstance(failed, TransientError)
    assert failed.status == status


GARBAGE = {
    "nothing": b"",
    "a page": b"<!DOCTYPE html><title>Sign in to the hotel's network</title>",
    "another shape": b'{"name": 7, "error": "no"}',
    "a list": b"[]",
    "no text": b"\xff\xfe{}",
    "brackets without end": b"[" * 60_000,
    "an enormous one": b'{"name": "' + b"x" * (1 << 20) + b'"}',
}


@pytest.mark.parametrize("status", [200, 404, 403, 400])
@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE.keys())
async def test_garbage_removes_no_device_and_may_be_tried_again(
    service: FcmService, channel: Fcm, body: bytes, status: int
) -> None:
    service.faults.append(Fault(status=status, body=body))

    failed = await failure(channel)

    assert type(failed) is (OutcomeUnknownError if status == 200 else TransientError)
    assert (failed.reason, failed.status) == ("answer_not_understood", status)
    assert (await channel.send(outgoing())).status == 200


@pytest.mark.parametrize(
    "cut",
    [b"", b"HTTP/1.1 200 O", b'HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"name": "pro', b"SSH-2.0-OpenSSH\r\n\r\n"],
    ids=["before the answer", "in its first line", "in its body", "no HTTP"],
)
async def test_a_connection_cut_half_way_leaves_the_outcome_unknown(
    service: FcmService, channel: Fcm, cut: bytes
) -> None:
    service.faults.append(Fault(cut=cut))

    assert isinstance(await failure(channel), OutcomeUnknownError)
    assert (await channel.send(outgoing())).status == 200


@pytest.mark.parametrize("fault", [Fault(delay_s=30), Fault(drip_s=30)], ids=["silent", "slow body"])
async def test_a_time_out_leaves_the_outcome_unknown(service: FcmService, fault: Fault) -> None:
    async with fcm.connect(service.settings(timeout_s=1), SettableClock(NOW_MS)) as impatient:
        impatient.use({"default": {"service_account": KEY_FILE}})
        await impatient.send(outgoing())
        service.faults.append(fault)

        assert isinstance(await failure(impatient), OutcomeUnknownError)


async def test_a_message_that_waited_for_a_connection_in_vain_was_never_sent(service: FcmService) -> None:
    patience = service.settings(timeout_s=2, connect_timeout_s=0.2, connections=1)
    async with fcm.connect(patience, SettableClock(NOW_MS)) as narrow, asyncio.TaskGroup() as group:
        narrow.use({"default": {"service_account": KEY_FILE}})
        await narrow.send(outgoing())
        service.faults.append(Fault(delay_s=1))
        first = group.create_task(narrow.send(outgoing()))
        await until(lambda: len(service.asked) == 2)

        assert (await failure(narrow)).reason == "service_unreachable"
        assert (await first).status == 200
    assert len(service.asked) == 2


async def test_a_service_that_is_down_was_never_reached(service: FcmService, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    async with fcm_service.serving(folder, SettableClock(NOW_MS)) as other:
        down = other.origin
    overrides = {fcm_service.FCM: down, fcm_service.OAUTH: service.origin}
    async with fcm.connect(service.settings(origin_overrides=overrides), SettableClock(NOW_MS)) as unlucky:
        unlucky.use({"default": {"service_account": KEY_FILE}})
        failed = await failure(unlucky)

    assert (type(failed), failed.reason) == (TransientError, "service_unreachable")


async def test_a_service_under_another_authority_is_not_talked_to(service: FcmService) -> None:
    async with fcm.connect(service.settings(ca_file=None), SettableClock(NOW_MS)) as distrustful:
        distrustful.use({"default": {"service_account": KEY_FILE}})

        assert (await failure(distrustful)).reason == "oauth_not_trusted"
    assert service.assertions == []


async def test_no_app_without_a_credential(channel: Fcm) -> None:
    failed = await failure(channel, outgoing(app="other"))

    assert (type(failed), failed.reason) == (CredentialError, "no_credential")


@pytest.mark.parametrize("fault", [f for f, _, _ in BY_CODE], ids=[str(f.status) for f, _, _ in BY_CODE])
async def test_errors_tell_neither_token_nor_key_nor_text(service: FcmService, channel: Fcm, fault: Fault) -> None:
    service.faults.append(fault)

    failed = await failure(channel)

    told = repr(failed) + str(failed) + repr(failed.__cause__)
    assert [secret for secret in (TOKEN, PEM[100:130], "ya29", "Geheimnis", "coffee") if secret in told] == []


async def test_no_address_inside_our_own_network_is_connected_to(service: FcmService) -> None:
    inside = service.settings(base_url=service.origin, origin_overrides={fcm_service.OAUTH: service.origin})
    async with fcm.connect(inside, SettableClock(NOW_MS)) as channel:
        channel.use({"default": {"service_account": KEY_FILE}})
        failed = await failure(channel)

        assert (type(failed), failed.reason) == (CredentialError, "address_not_public")
    assert service.asked == []


async def test_private_hosts_can_be_allowed(service: FcmService) -> None:
    relay = service.settings(
        base_url=f"{service.origin}/", origin_overrides={fcm_service.OAUTH: service.origin}, allow_private_hosts=True
    )
    async with fcm.connect(relay, SettableClock(NOW_MS)) as channel:
        channel.use({"default": {"service_account": KEY_FILE}})

        assert (await channel.send(outgoing())).status == 200


DOCUMENTED = json.dumps(
    {
        "name": "projects/shop-1/messages/0:1",
        "error": {
            "code": 400,
            "message": "The registration token is not a valid FCM registration token",
            "status": "INVALID_ARGUMENT",
            "details": [
                {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "INVALID_ARGUMENT"},
                {
                    "@type": "type.googleapis.com/google.rpc.BadRequest",
                    "fieldViolations": [{"field": "message.token", "description": "Invalid"}],
                },
            ],
        },
    }
).encode()


@given(at=st.integers(0, len(DOCUMENTED)), length=st.integers(0, 40), instead=st.binary(max_size=20))
def test_an_answer_with_any_damage_is_read_or_is_none(at: int, length: int, instead: bytes) -> None:
    damaged = DOCUMENTED[:at] + instead + DOCUMENTED[at + length :]

    sent, refused = fcm_wire.sent(damaged), fcm_wire.refused(damaged)

    assert sent is None or sent.name
    assert refused is None or isinstance(refused.code, str)
    assert refused is None or refused.blames_target in (True, False)
