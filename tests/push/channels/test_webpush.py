"""The channel against the local push service, over real HTTP."""

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import http_ece
import jwt
import msgspec
import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.push_service import Fault, Pushed, PushService, serving
from firmware_sim.webpush import SubscriptionKeys
from push.channels import http, vapid, webpush
from push.channels.aes128gcm import CURVE, decode
from push.channels.webpush import WebPush, WebPushSettings
from push.model.delivery import Content, Message, Outgoing
from push.model.errors import DeviceGoneError, PermanentError, TooLargeError, TransientError

NOW_MS = 1_800_000_000_000
TTL_S = 600
KEY = vapid.generate()
KEYS = SubscriptionKeys.generate()
FCM = "https://fcm.googleapis.com"


def outgoing(endpoint: str, **changes: Any) -> Outgoing:  # noqa: ANN401 - fields of any type
    content = Content(title="Welcome", body="Your coffee is on us", url="/app/offer/1", image="/img/1.png")
    fields: dict[str, Any] = {
        "id": "m1",
        "shopper": "ada",
        "campaign": "welcome",
        "content": content,
        "created_ms": NOW_MS,
        "expires_ms": NOW_MS + TTL_S * 1000,
        "collapse_key": "welcome/store-1",
    }
    message = Message(**(fields | changes))
    return Outgoing(delivery="d1", device="phone", message=message, address=KEYS.address(endpoint), now_ms=NOW_MS)


def settings(service: PushService, **changes: Any) -> WebPushSettings:  # noqa: ANN401 - fields of any type
    overrides = {service.origin: service.origin, FCM: service.origin}
    return msgspec.structs.replace(WebPushSettings(origin_overrides=overrides, timeout_s=5), **changes)


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    async with serving(PushService(clock_s=lambda: NOW_MS / 1000)) as running:
        yield running


@pytest.fixture
async def channel(service: PushService) -> AsyncIterator[WebPush]:
    async with webpush.connect(settings(service), KEY) as connected:
        yield connected


@pytest.fixture
def endpoint(service: PushService) -> str:
    return service.endpoint(service.subscribe(vapid.application_server_key(KEY)))


def waiting(service: PushService, endpoint: str) -> list[Pushed]:
    return service.inboxes[endpoint.rpartition("/")[2]].waiting(NOW_MS / 1000)


async def test_what_arrives_decrypts_with_http_ece(service: PushService, channel: WebPush, endpoint: str) -> None:
    await channel.send(outgoing(endpoint))

    [pushed] = waiting(service, endpoint)
    plaintext = http_ece.decrypt(pushed.body, private_key=KEYS.private, auth_secret=KEYS.auth, version="aes128gcm")
    assert json.loads(plaintext) == {
        "id": "m1",
        "delivery": "d1",
        "title": "Welcome",
        "body": "Your coffee is on us",
        "url": "/app/offer/1",
        "image": "/img/1.png",
        "expires_ms": NOW_MS + TTL_S * 1000,
    }


async def test_the_headers_say_how_long_how_urgent_and_what_it_replaces(
    service: PushService, channel: WebPush, endpoint: str
) -> None:
    await channel.send(outgoing(endpoint, urgency="low"))

    [pushed] = waiting(service, endpoint)
    assert (pushed.ttl_s, pushed.urgency) == (TTL_S, "low")
    assert pushed.topic is not None
    assert len(pushed.topic) == 32


async def test_the_vapid_token_verifies_for_the_services_origin(
    service: PushService, channel: WebPush, endpoint: str
) -> None:
    await channel.send(outgoing(endpoint))

    token = service.requests[-1]["Authorization"].removeprefix("vapid t=").partition(",")[0]
    public = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, decode(channel.application_server_key))
    options: jwt.types.Options = {"verify_exp": False}
    claims = jwt.decode(token, public, algorithms=["ES256"], audience=service.origin, options=options)
    assert NOW_MS / 1000 < claims["exp"] <= NOW_MS / 1000 + 24 * 3600
    assert claims["sub"] == "mailto:operator@example.com"


async def test_201_is_accepted_with_the_services_own_reference(channel: WebPush, endpoint: str) -> None:
    accepted = await channel.send(outgoing(endpoint))

    assert accepted.status == 201
    assert accepted.reference is not None
    assert "/message/" in accepted.reference


@pytest.mark.parametrize("status", [200, 202])
async def test_other_successes_are_accepted_too(
    service: PushService, channel: WebPush, endpoint: str, status: int
) -> None:
    service.faults.append(Fault(status=status))

    assert (await channel.send(outgoing(endpoint))).status == status


async def test_an_unknown_subscription_is_gone(service: PushService, channel: WebPush) -> None:
    with pytest.raises(DeviceGoneError, match="subscription_unknown") as caught:
        await channel.send(outgoing(service.endpoint("nobody")))

    assert caught.value.status == 404


async def test_an_ended_subscription_is_gone(service: PushService, channel: WebPush, endpoint: str) -> None:
    service.unsubscribe(endpoint.rpartition("/")[2])

    with pytest.raises(DeviceGoneError, match="subscription_gone") as caught:
        await channel.send(outgoing(endpoint))

    assert caught.value.status == 410


@pytest.mark.parametrize(
    ("status", "reason"),
    [(400, "request_refused"), (401, "vapid_refused"), (403, "vapid_refused"), (413, "payload_too_large")],
)
async def test_refusals_are_final(
    service: PushService, channel: WebPush, endpoint: str, status: int, reason: str
) -> None:
    service.faults.append(Fault(status=status))

    with pytest.raises(PermanentError) as caught:
        await channel.send(outgoing(endpoint))

    assert (caught.value.reason, caught.value.status) == (reason, status)
    assert not isinstance(caught.value, DeviceGoneError)


@pytest.mark.parametrize(
    ("headers", "wait_ms"),
    [
        ({"Retry-After": "7"}, 7000),
        ({"Retry-After": "Fri, 15 Jan 2027 08:01:00 GMT", "Date": "Fri, 15 Jan 2027 08:00:00 GMT"}, 60_000),
        ({"Retry-After": "Fri, 15 Jan 1999 08:01:00 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
async def test_429_waits_as_long_as_it_was_asked_to(
    service: PushService, channel: WebPush, endpoint: str, headers: dict[str, str], wait_ms: int | None
) -> None:
    service.faults.append(Fault(status=429, headers=headers))

    with pytest.raises(TransientError, match="rate_limited") as caught:
        await channel.send(outgoing(endpoint))

    assert (caught.value.status, caught.value.retry_after_ms) == (429, wait_ms)


def test_without_a_date_of_the_answer_a_retry_date_counts_from_now() -> None:
    # NOW_MS is 2027-01-15 08:00:00 UTC.
    assert http.retry_after_ms({"Retry-After": "Fri, 15 Jan 2027 08:00:30 GMT"}, NOW_MS) == 30_000


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_5xx_may_be_tried_again(service: PushService, channel: WebPush, endpoint: str, status: int) -> None:
    service.faults.append(Fault(status=status, headers={"Retry-After": "3"}))

    with pytest.raises(TransientError, match="service_failed") as caught:
        await channel.send(outgoing(endpoint))

    assert (caught.value.status, caught.value.retry_after_ms) == (status, 3000)
    assert (await channel.send(outgoing(endpoint))).status == 201


async def test_a_time_out_leaves_the_outcome_unknown_and_a_repeat_replaces_it(
    service: PushService, endpoint: str
) -> None:
    service.faults.append(Fault(delay_s=30))

    async with webpush.connect(settings(service, timeout_s=0.2), KEY) as channel:
        with pytest.raises(TransientError, match="outcome_unknown") as caught:
            await channel.send(outgoing(endpoint))
        await channel.send(outgoing(endpoint))

    assert caught.value.status is None
    assert len(waiting(service, endpoint)) == 1


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 201 Crea", b"HTTP/1.1 201 Created\r\nLocation: /mess", b"SSH-2.0-OpenSSH\r\n\r\n"],
    ids=["before the answer", "in its first line", "in its headers", "no HTTP"],
)
async def test_a_connection_cut_half_way_leaves_the_outcome_unknown_and_a_repeat_replaces_it(
    service: PushService, channel: WebPush, endpoint: str, answer: bytes
) -> None:
    service.faults.append(Fault(cut=answer))

    with pytest.raises(TransientError, match="outcome_unknown"):
        await channel.send(outgoing(endpoint))
    await channel.send(outgoing(endpoint))

    assert len(waiting(service, endpoint)) == 1


@pytest.mark.parametrize("body", [b"Content-Length: 9\r\n\r\ncut", b"\r\n" + bytes(1 << 20)], ids=["cut", "large"])
async def test_the_status_alone_decides_whatever_body_follows(
    service: PushService, channel: WebPush, endpoint: str, body: bytes
) -> None:
    service.faults.append(Fault(cut=b"HTTP/1.1 201 Created\r\n" + body))

    assert (await channel.send(outgoing(endpoint))).status == 201


async def test_a_service_that_is_down_was_never_reached(service: PushService, endpoint: str) -> None:
    async with serving(PushService()) as other:
        origin = other.origin
    async with webpush.connect(settings(service, origin_overrides={service.origin: origin}), KEY) as unlucky:
        with pytest.raises(TransientError, match="service_unreachable"):
            await unlucky.send(outgoing(endpoint))


async def test_a_service_that_does_not_answer_the_connection_was_never_reached(
    service: PushService, endpoint: str
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf, contextlib.ExitStack() as queue:
        for _ in range(3):  # fill its queue: Linux then leaves further ones without an answer
            waiting_one = queue.enter_context(socket.socket())
            waiting_one.setblocking(False)  # noqa: FBT003 - positional only
            waiting_one.connect_ex(deaf.getsockname())
        overrides = {service.origin: f"http://127.0.0.1:{deaf.getsockname()[1]}"}
        slow = settings(service, origin_overrides=overrides, connect_timeout_s=0.2)
        async with webpush.connect(slow, KEY) as channel:
            with pytest.raises(TransientError, match="service_unreachable"):
                await channel.send(outgoing(endpoint))


async def test_redirects_are_not_followed(service: PushService, channel: WebPush, endpoint: str) -> None:
    service.faults.append(Fault(status=307, headers={"Location": endpoint}))

    with pytest.raises(PermanentError, match="redirect_refused"):
        await channel.send(outgoing(endpoint))

    assert waiting(service, endpoint) == []


async def test_a_message_that_does_not_fit_is_refused_before_it_is_sent(
    service: PushService, channel: WebPush, endpoint: str
) -> None:
    large = outgoing(endpoint, content=Content(title="x", body="ä" * 2000))
    with pytest.raises(TooLargeError, match="at most 3993 fit") as caught:
        await channel.send(large)
    with pytest.raises(TooLargeError):
        channel.fit(large)

    assert (caught.value.reason, caught.value.most_bytes) == ("payload_too_large", 3993)
    assert not service.requests


async def test_an_overridden_origin_is_sent_elsewhere_with_a_token_for_the_original(
    service: PushService, channel: WebPush
) -> None:
    subscription = service.subscribe(channel.application_server_key, audiences=[FCM])

    await channel.send(outgoing(f"{FCM}/fcm/send/{subscription}"))

    assert len(service.inboxes[subscription].waiting(NOW_MS / 1000)) == 1


@pytest.mark.parametrize(
    "endpoint",
    ["https://127.0.0.1:9/push/1", "https://localhost:9/push/1", "https://[::1]:9/x", "https://[::ffff:10.0.0.1]/x"],
)
async def test_an_endpoint_inside_our_own_network_is_never_connected_to(channel: WebPush, endpoint: str) -> None:
    with pytest.raises(PermanentError, match="address_not_public"):
        await channel.send(outgoing(endpoint))


async def test_private_endpoints_can_be_allowed(service: PushService) -> None:
    async with webpush.connect(settings(service, allow_private_hosts=True), KEY) as channel:
        with pytest.raises(TransientError, match="service_unreachable"):
            await channel.send(outgoing("https://127.0.0.1:9/push/1"))


async def test_a_push_service_in_house_is_reached_under_its_own_authority(tmp_path: Path) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    ca_file = str(tmp_path / "ca.pem")

    async with serving(PushService(clock_s=lambda: NOW_MS / 1000), tls=tls) as service:
        endpoint = service.endpoint(service.subscribe(vapid.application_server_key(KEY)))
        async with webpush.connect(WebPushSettings(allow_private_hosts=True), KEY) as distrustful:
            with pytest.raises(TransientError, match="service_not_trusted"):
                await distrustful.send(outgoing(endpoint))
        async with webpush.connect(WebPushSettings(allow_private_hosts=True, ca_file=ca_file), KEY) as channel:
            assert (await channel.send(outgoing(endpoint))).status == 201


@pytest.mark.parametrize(
    "endpoint",
    ["", "x", "/push/1", "http://push.example/1", "ftp://push.example/1", "https://", "https://user@push.example/1"],
)
async def test_endpoints_that_are_no_https_address_are_refused(channel: WebPush, endpoint: str) -> None:
    with pytest.raises(PermanentError, match="bad_subscription"):
        channel.check_address(KEYS.address(endpoint))


@given(
    st.dictionaries(st.sampled_from(["endpoint", "keys", "x"]), st.text() | st.none())
    | st.fixed_dictionaries({"endpoint": st.text(), "keys": st.just(KEYS.address("")["keys"])})
    | st.fixed_dictionaries({"endpoint": st.text().map("https://{}".format), "keys": st.just(KEYS.address("")["keys"])})
)
def test_any_subscription_is_good_or_refused(address: dict[str, object]) -> None:
    try:
        found = webpush.target(address, {})
    except PermanentError as error:
        assert error.reason == "bad_subscription"  # noqa: PT017 - both ends are fine, only these two
    else:
        assert found.url.scheme == "https"


async def test_errors_tell_neither_endpoint_nor_key(service: PushService, channel: WebPush, endpoint: str) -> None:
    service.faults.append(Fault(status=403))

    with pytest.raises(PermanentError) as caught:
        await channel.send(outgoing(endpoint))

    assert str(caught.value) == "vapid_refused"
    assert caught.value.__cause__ is None


async def test_topics_tell_neither_the_campaign_nor_who_gets_the_same() -> None:
    assert webpush.topic("pregnancy-test", bytes(16)) != webpush.topic("pregnancy-test", b"x" * 16)
    assert webpush.topic("welcome", bytes(16)) == webpush.topic("welcome", bytes(16))


async def test_many_at_once_all_arrive(service: PushService, channel: WebPush) -> None:
    subscriptions = [service.subscribe(channel.application_server_key) for _ in range(200)]

    await asyncio.gather(*(channel.send(outgoing(service.endpoint(s))) for s in subscriptions))

    assert [len(service.inboxes[s].waiting(NOW_MS / 1000)) for s in subscriptions] == [1] * 200
