"""The channel against a local APNs, over real HTTP/2 and TLS."""

import asyncio
import base64
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from itertools import pairwise
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hypothesis import given
from hypothesis import strategies as st

from push.channels import apns
from push.channels.apns import Apns, ApnsCredential, ApnsSettings
from push.channels.apns_payload import MAX_PAYLOAD, address_of
from push.model.delivery import Accepted, Action, Content, Message, Outgoing
from push.model.errors import (
    BusyError,
    CredentialError,
    DeliveryError,
    DeviceGoneError,
    OutcomeUnknownError,
    PermanentError,
    TooLargeError,
    TransientError,
)
from tests.support.apns_service import HOST, ApnsService, Call, serving
from tests.support.brokers import until
from tests.support.clocks import SettableClock

MINUTE_MS = 60_000
NOW_MS = 1_800_000_000_000  # a full 40 minutes
TTL_S = 600
TEAM, KEY_ID, TOPIC = "TEAM123456", "KEY1234567", "com.example.shop"
DEVICE = "ab" * 32
SOON_S = 0.5


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


KEY = ec.generate_private_key(ec.SECP256R1())
CREDENTIAL: dict[str, object] = {"team_id": TEAM, "key_id": KEY_ID, "private_key": pem(KEY), "topic": TOPIC}
FULL: dict[str, object] = {**CREDENTIAL, "private": False}
CONTENT = Content(
    title="Wëlcome",
    body="Your coffee is on us",
    url="/app/offer/1",
    image="https://shop.example/1.png",
    actions=(Action(title="Show", url="/app/offer/1"),),
    data={"shelf": "7"},
    locale="de-AT",
)


def outgoing(device: str = DEVICE, *, app: str = "default", now_ms: int = NOW_MS, **changes: Any) -> Outgoing:  # noqa: ANN401 - fields of any type
    fields: dict[str, Any] = {
        "id": "m1",
        "shopper": "ada",
        "campaign": "spring-campaign",
        "content": CONTENT,
        "created_ms": NOW_MS,
        "expires_ms": NOW_MS + TTL_S * 1000,
        "collapse_key": "spring-campaign/store-1",
    }
    message = Message(**(fields | changes))
    return Outgoing(
        delivery="d-" + device[-8:], device="phone", message=message, address={"token": device}, app=app, now_ms=now_ms
    )


def device(number: int) -> str:
    return f"{number:064x}"


Connect = Callable[..., AbstractAsyncContextManager[Apns]]


@pytest.fixture
async def service() -> AsyncIterator[ApnsService]:
    async with serving(ApnsService()) as running:
        yield running
    assert running.violations == []


@pytest.fixture
def connect(service: ApnsService, tmp_path: Path) -> Connect:
    base = ApnsSettings(
        host=HOST, sandbox_host="127.0.0.1", port=service.port, ca_file=service.ca_file(tmp_path), connections=2
    )

    def connected(**changes: Any) -> AbstractAsyncContextManager[Apns]:  # noqa: ANN401 - fields of any type
        return apns.connect(msgspec.structs.replace(base, **changes), SettableClock(NOW_MS))

    return connected


@pytest.fixture
async def channel(connect: Connect) -> AsyncIterator[Apns]:
    async with connect() as connected:
        connected.use({"default": FULL})
        yield connected


async def one(service: ApnsService, channel: Apns, sent: Outgoing) -> Call:
    """The request that a message made."""
    await channel.send(sent)
    return service.calls[-1]


async def failure(channel: Apns, sent: Outgoing | None = None) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await channel.send(sent or outgoing())
    return caught.value


async def outcomes(channel: Apns, count: int) -> Counter[str]:
    """What became of so many messages: nothing is lost, so that there is one for each."""
    sent = (channel.send(outgoing(device(n))) for n in range(count))
    results = await asyncio.gather(*sent, return_exceptions=True)
    assert all(isinstance(result, Accepted | DeliveryError) for result in results)
    return Counter(type(result).__name__ for result in results)


def refusing(status: int, reason: str, **more: Any) -> Callable[[Call], None]:  # noqa: ANN401 - members of an answer
    return lambda call: call.refuse(status, reason, **more)


# --- what is sent ---


async def test_the_headers_say_what_for_whom_and_until_when(service: ApnsService, channel: Apns) -> None:
    call = await one(service, channel, outgoing())

    headers = dict(call.headers)
    headers.pop("authorization")
    assert len(headers.pop("apns-id")) == 36
    assert len(headers.pop("apns-collapse-id").encode()) <= 64
    assert headers == {
        ":method": "POST",
        ":scheme": "https",
        ":authority": f"{HOST}:{service.port}",
        ":path": f"/3/device/{DEVICE}",
        "apns-topic": TOPIC,
        "apns-push-type": "alert",
        "apns-priority": "10",
        "apns-expiration": str((NOW_MS + TTL_S * 1000) // 1000),
    }


@pytest.mark.parametrize(("urgency", "priority"), [("high", "10"), ("normal", "5"), ("low", "1"), ("very-low", "1")])
async def test_urgency_is_apples_priority(service: ApnsService, channel: Apns, urgency: str, priority: str) -> None:
    call = await one(service, channel, outgoing(urgency=urgency))

    assert call.headers["apns-priority"] == priority
    assert ("sound" in call.payload["aps"]) == (urgency == "high")


async def test_what_makes_no_sense_any_more_goes_now_or_never(service: ApnsService, channel: Apns) -> None:
    call = await one(service, channel, outgoing(expires_ms=NOW_MS + 999))

    assert call.headers["apns-expiration"] == "0"


async def test_a_repeat_has_the_same_ids_and_another_delivery_or_device_others(
    service: ApnsService, channel: Apns
) -> None:
    first = await one(service, channel, outgoing())
    again = await one(service, channel, outgoing(now_ms=NOW_MS + 1000))
    other = await one(service, channel, outgoing(device(7)))

    assert again.headers["apns-id"] == first.headers["apns-id"] != other.headers["apns-id"]
    assert again.headers["apns-collapse-id"] == first.headers["apns-collapse-id"] != other.headers["apns-collapse-id"]


async def test_messages_replace_each_other_by_collapse_key_only(service: ApnsService, channel: Apns) -> None:
    first = await one(service, channel, outgoing())
    newer = await one(service, channel, outgoing(id="m2"))
    other = await one(service, channel, outgoing(id="m3", collapse_key="something else"))
    plain = [await one(service, channel, outgoing(id=n, collapse_key="")) for n in ("m4", "m5")]

    assert newer.headers["apns-collapse-id"] == first.headers["apns-collapse-id"]
    assert len({call.headers["apns-collapse-id"] for call in (first, other, *plain)}) == 4


async def test_full_mode_carries_all_of_it(service: ApnsService, channel: Apns) -> None:
    call = await one(service, channel, outgoing())

    assert call.payload == {
        "aps": {
            "alert": {"title": "Wëlcome", "body": "Your coffee is on us"},
            "sound": "default",
            "mutable-content": 1,
            "category": "footfall",
        },
        "footfall.id": "m1",
        "footfall.delivery": "d-abababab",
        "footfall.expires_ms": NOW_MS + TTL_S * 1000,
        "footfall.url": "/app/offer/1",
        "footfall.image": "https://shop.example/1.png",
        "footfall.actions": [{"title": "Show", "url": "/app/offer/1"}],
        "footfall.locale": "de-AT",
        "shelf": "7",
    }


async def test_a_plain_message_is_plain(service: ApnsService, channel: Apns) -> None:
    accepted = await channel.send(outgoing(content=Content(title="Hi", body=""), urgency="normal"))

    assert service.calls[-1].payload["aps"] == {"alert": {"title": "Hi", "body": ""}}
    assert accepted.dropped == ()


async def test_a_message_without_text_wakes_the_app_and_shows_nothing(service: ApnsService, channel: Apns) -> None:
    call = await one(service, channel, outgoing(content=Content(title="", body="", data={"sync": "1"})))

    assert call.headers["apns-push-type"] == "background"
    assert call.headers["apns-priority"] == "5"  # 10 would be refused
    assert call.payload["aps"] == {"content-available": 1}
    assert call.payload["sync"] == "1"


async def test_data_cannot_take_apples_place_and_that_is_said(service: ApnsService, channel: Apns) -> None:
    sent = outgoing(content=Content(title="Hi", body="", data={"aps": "evil", "shelf": "7"}))

    accepted = await channel.send(sent)

    assert service.calls[-1].payload["aps"]["alert"]["title"] == "Hi"
    assert service.calls[-1].payload["shelf"] == "7"
    assert accepted.dropped == channel.fit(sent) == ("data",)


SECRETS = (
    "Wëlcome",
    "coffee",
    "offer",
    "shop.example",
    "Show",
    "shelf",
    "de-AT",
    "spring",
    "store-1",
    "ada",
    "expires",
)


async def test_private_mode_tells_the_provider_nothing_but_that_there_is_something(
    service: ApnsService, channel: Apns
) -> None:
    channel.use({"default": {**CREDENTIAL, "generic_title": "News", "generic_body": "Have a look"}})

    accepted = await channel.send(outgoing())

    call = service.calls[-1]
    assert call.payload == {
        "aps": {"alert": {"title": "News", "body": "Have a look"}, "sound": "default", "mutable-content": 1},
        "footfall.id": "m1",
        "footfall.delivery": "d-abababab",
    }
    everything = json.dumps(call.headers) + json.dumps(call.payload, ensure_ascii=False)
    assert [secret for secret in SECRETS if secret in everything] == []
    assert set(call.headers) == {
        ":method", ":scheme", ":authority", ":path", "authorization", "apns-topic", "apns-push-type",
        "apns-priority", "apns-id", "apns-expiration", "apns-collapse-id",
    }  # fmt: skip
    assert accepted.dropped == channel.fit(outgoing()) == ("text", "url", "image", "actions", "data", "locale")


async def test_private_mode_is_the_default_and_silent_messages_stay_silent(service: ApnsService, channel: Apns) -> None:
    channel.use({"default": CREDENTIAL})
    silent = await one(service, channel, outgoing(content=Content(title="", body="", data={"sync": "secret"})))

    assert silent.payload == {
        "aps": {"content-available": 1}, "footfall.id": "m1", "footfall.delivery": "d-abababab",
    }  # fmt: skip
    assert (await one(service, channel, outgoing())).payload["aps"]["alert"]["title"] == "A message for you"


async def test_the_collapse_id_needs_a_secret_that_the_provider_does_not_have(
    service: ApnsService, channel: Apns
) -> None:
    first = await one(service, channel, outgoing())
    channel.use({"default": {**FULL, "private_key": pem(ec.generate_private_key(ec.SECP256R1()))}})
    second = await one(service, channel, outgoing())

    assert first.headers["apns-collapse-id"] != second.headers["apns-collapse-id"]


async def test_what_is_too_large_is_found_before_anything_is_sent(service: ApnsService, channel: Apns) -> None:
    fits = outgoing(content=Content(title="t", body="", data={"a": "x" * 2000, "b": "y" * 1800}))
    large = outgoing(content=Content(title="t", body="é" * 2000, data={"a": "x" * 2000}))
    assert channel.fit(fits) == ()
    await channel.send(fits)

    with pytest.raises(TooLargeError) as caught:
        channel.fit(large)
    with pytest.raises(TooLargeError):
        await channel.send(large)

    assert caught.value.most_bytes == MAX_PAYLOAD == 4096
    assert caught.value.size_bytes > 6000
    assert len(service.calls) == 1
    channel.use({"default": CREDENTIAL})
    assert "text" in channel.fit(large)  # private: the app fetches it


async def test_exactly_4096_bytes_go(service: ApnsService, channel: Apns) -> None:
    size = len((await one(service, channel, outgoing(content=Content(title="t", body="b")))).body)
    data = {"a": "x" * 1900, "b": ""}
    spare = 4096 - size - len(json.dumps(data, separators=(",", ":"))) + 1

    call = await one(service, channel, outgoing(content=Content(title="t", body="b", data=data | {"b": "y" * spare})))

    assert len(call.body) == 4096
    with pytest.raises(TooLargeError):
        channel.fit(outgoing(content=Content(title="t", body="b", data=data | {"b": "y" * (spare + 1)})))


# --- addresses and credentials ---


@pytest.mark.parametrize("token", ["ab" * 32, "AB" * 32, "0123456789abcdef" * 5, "ab" * 100])
def test_device_tokens_are_hexadecimal(token: str) -> None:
    assert address_of({"token": token}) == token.lower()


@pytest.mark.parametrize(
    "address",
    [
        {},
        {"token": "ab" * 31},
        {"token": "ab" * 32 + "a"},
        {"token": "ab" * 101},
        {"token": "gg" * 32},
        {"token": "ab" * 32 + "\n"},
        {"token": "../" + "ab" * 31},
        {"token": 7},
        {"token": "ab" * 32, "topic": "x"},
    ],
)
async def test_bad_addresses_are_refused_when_registered_and_when_sent(
    service: ApnsService, channel: Apns, address: dict[str, object]
) -> None:
    with pytest.raises(PermanentError, match="bad_address"):
        channel.check_address(address)
    with pytest.raises(PermanentError, match="bad_address"):
        await channel.send(msgspec.structs.replace(outgoing(), address=address))
    assert service.calls == []


@given(st.dictionaries(st.text(), st.none() | st.text() | st.integers()) | st.fixed_dictionaries({"token": st.text()}))
def test_any_address_is_taken_or_refused(address: dict[str, object]) -> None:
    try:
        found = address_of(address)
    except PermanentError:
        return
    assert bytes.fromhex(found)


async def test_check_finds_a_good_credential_good_and_reaches_nobody(service: ApnsService, channel: Apns) -> None:
    service.script = refusing(400, "BadDeviceToken")

    checked = await channel.check("default", CREDENTIAL)

    assert checked.summary == f"team {TEAM}, key {KEY_ID}, topic {TOPIC}"
    assert (checked.expires_ms, checked.warnings) == (None, ())
    [call] = service.calls
    assert call.device == "0" * 64
    assert call.headers["apns-push-type"] == "background"
    assert call.payload["aps"] == {"content-available": 1}
    await until(lambda: not service.connections)


@pytest.mark.parametrize("reason", ["Unregistered", "ExpiredToken"])
async def test_check_takes_a_410_for_the_same(service: ApnsService, channel: Apns, reason: str) -> None:
    service.script = refusing(410, reason)

    assert TEAM in (await channel.check("default", CREDENTIAL)).summary


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        (403, "InvalidProviderToken", "invalid_provider_token"),
        (403, "BadEnvironmentKeyIdInToken", "bad_environment_key_id_in_token"),
        (400, "TopicDisallowed", "topic_disallowed"),
    ],
)
async def test_check_finds_a_refused_credential_refused(
    service: ApnsService, channel: Apns, status: int, reason: str, said: str
) -> None:
    service.script = refusing(status, reason)

    with pytest.raises(CredentialError, match=f"^{said}$"):
        await channel.check("default", CREDENTIAL)


async def test_check_says_so_where_apns_does_not_answer(service: ApnsService, connect: Connect) -> None:
    service.script = lambda _: None

    async with connect(timeout_s=SOON_S) as channel:
        with pytest.raises(TransientError):
            await channel.check("default", CREDENTIAL)


OTHER_CURVE = pem(ec.generate_private_key(ec.SECP384R1()))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"team_id": "short"}, "team_id"),
        ({"team_id": "TEAM123456\n"}, "team_id"),
        ({"key_id": "key1234567"}, "key_id"),
        ({"topic": "com.example.shop\r\nx: y"}, "topic"),
        ({"topic": ""}, "topic"),
        ({"private_key": "no key"}, "private_key"),
        ({"private_key": OTHER_CURVE}, "private_key"),
        ({"private_key": 7}, "private_key"),
        ({"sandbox": "yes"}, "sandbox"),
        ({"generic_title": ""}, "generic_title"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_malformed_credential_is_refused_by_field_and_without_its_value(
    service: ApnsService, channel: Apns, changes: dict[str, object], field: str
) -> None:
    wrong = CREDENTIAL | changes

    with pytest.raises(PermanentError, match="bad_credential") as caught:
        await channel.check("default", wrong)
    with pytest.raises(PermanentError, match="bad_credential"):
        channel.use({"default": wrong})

    assert field in caught.value.reason
    assert "no key" not in caught.value.reason
    assert (await channel.send(outgoing())).status == 200  # what was in use still is
    assert len(service.calls) == 1


def test_the_key_is_in_no_repr() -> None:
    shown = repr(msgspec.convert(CREDENTIAL, ApnsCredential))

    assert TEAM in shown
    assert "PRIVATE" not in shown
    assert str(CREDENTIAL["private_key"])[40:60] not in shown


async def test_without_a_credential_nothing_is_sent(service: ApnsService, channel: Apns) -> None:
    error = await failure(channel, outgoing(app="other"))

    assert isinstance(error, CredentialError)
    assert error.reason == "no_credential"
    assert channel.fit(outgoing(app="other")) == ()
    assert service.calls == []


async def test_credentials_change_without_a_restart_and_what_is_on_its_way_ends_as_it_began(
    service: ApnsService, channel: Apns
) -> None:
    held: list[Call] = []
    service.script = held.append
    sent = asyncio.create_task(outcomes(channel, 10))
    await until(lambda: len(held) == 10)

    channel.use({"default": {**FULL, "key_id": "OTHER12345", "topic": "com.example.new"}})
    service.script = lambda call: call.answer()
    await channel.send(outgoing())
    for call in held:
        call.answer()

    assert await sent == {"Accepted": 10}
    assert service.calls[-1].headers["apns-topic"] == "com.example.new"
    await until(lambda: len(service.connections) == 1)  # those of the old key are closed


async def test_apps_of_one_key_share_token_and_connections_others_do_not(service: ApnsService, channel: Apns) -> None:
    other = pem(ec.generate_private_key(ec.SECP256R1()))
    channel.use(
        {
            "one": FULL,
            "two": {**FULL, "topic": "com.example.two"},
            "other": {**FULL, "key_id": "OTHER12345", "private_key": other},
        }
    )
    for app in ("one", "two", "other"):
        await channel.send(outgoing(app=app))

    one_, two, three = service.calls
    assert (one_.headers["apns-topic"], two.headers["apns-topic"]) == (TOPIC, "com.example.two")
    assert one_.headers["authorization"] == two.headers["authorization"] != three.headers["authorization"]
    assert one_.connection is two.connection is not three.connection


async def test_the_sandbox_is_another_host(service: ApnsService, connect: Connect) -> None:
    async with connect(host="127.0.0.1", sandbox_host=HOST) as channel:
        channel.use({"default": {**FULL, "sandbox": True}})
        await channel.send(outgoing())
        service.script = refusing(400, "BadDeviceToken")
        checked = await channel.check("default", {**FULL, "sandbox": True})

    assert service.calls[0].headers[":authority"] == f"{HOST}:{service.port}"
    assert len(checked.warnings) == 1


# --- the provider token ---


def issued_s(call: Call) -> int:
    token = call.headers["authorization"].removeprefix("bearer ")
    claims = jwt.decode(token, KEY.public_key(), algorithms=["ES256"], options={"verify_iat": False})
    assert claims["iss"] == TEAM
    assert jwt.get_unverified_header(token)["kid"] == KEY_ID
    issued: int = claims["iat"]
    return issued


async def test_the_token_verifies_and_is_neither_too_old_nor_replaced_too_often(
    service: ApnsService, channel: Apns
) -> None:
    first = NOW_MS + 7 * MINUTE_MS
    seen: dict[str, int] = {}
    for minute in range(0, 600, 4):
        now_ms = first + minute * MINUTE_MS
        call = await one(service, channel, outgoing(now_ms=now_ms))
        assert 0 <= now_ms // 1000 - issued_s(call) < 60 * 60
        seen.setdefault(call.headers["authorization"], minute)

    begun = list(seen.values())[1:]  # of the first we do not see the beginning
    assert all(later - earlier >= 20 for earlier, later in pairwise(begun))
    assert len(seen) == 600 // 40 + 1


async def test_after_a_restart_and_in_another_process_the_token_is_the_same(
    service: ApnsService, connect: Connect
) -> None:
    for _ in range(2):
        async with connect() as channel:
            channel.use({"default": FULL})
            await channel.send(outgoing())

    first, second = service.calls
    assert first.headers["authorization"] == second.headers["authorization"]


async def test_messages_that_are_a_little_behind_each_other_make_no_new_token(
    service: ApnsService, channel: Apns
) -> None:
    for late_ms in (0, -5, 3, -MINUTE_MS):
        await channel.send(outgoing(now_ms=NOW_MS + late_ms))

    assert len({call.headers["authorization"] for call in service.calls}) == 1


async def test_a_token_that_apns_calls_expired_is_replaced_once_for_all_and_the_message_sent_again(
    service: ApnsService, channel: Apns
) -> None:
    now_ms = NOW_MS + 30 * MINUTE_MS
    good = (await one(service, channel, outgoing(now_ms=NOW_MS))).headers["authorization"]

    def script(call: Call) -> None:
        if call.headers["authorization"] == good:
            call.refuse(403, "ExpiredProviderToken")
        else:
            call.answer()

    service.script = script
    sent = [channel.send(outgoing(device(n), now_ms=now_ms)) for n in range(20)]
    accepted = await asyncio.gather(*sent)

    assert {answer.status for answer in accepted} == {200}
    assert len({call.headers["authorization"] for call in service.calls}) == 2
    assert NOW_MS // 1000 + 20 * 60 <= issued_s(service.calls[-1]) <= now_ms // 1000


async def test_a_young_token_is_not_replaced_whatever_apns_says(service: ApnsService, channel: Apns) -> None:
    service.script = refusing(403, "ExpiredProviderToken")

    error = await failure(channel, outgoing(now_ms=NOW_MS + 19 * MINUTE_MS))

    assert isinstance(error, CredentialError)
    assert (error.reason, error.status) == ("expired_provider_token", 403)
    assert len(service.calls) == 1


async def test_it_is_replaced_once_only(service: ApnsService, channel: Apns) -> None:
    service.script = refusing(403, "ExpiredProviderToken")

    assert isinstance(await failure(channel, outgoing(now_ms=NOW_MS + 30 * MINUTE_MS)), CredentialError)
    assert len(service.calls) == 2


async def test_too_many_token_updates_wait_long_and_make_no_new_token(service: ApnsService, channel: Apns) -> None:
    service.script = refusing(429, "TooManyProviderTokenUpdates")
    error = await failure(channel)
    service.script = lambda call: call.answer()
    await channel.send(outgoing(now_ms=NOW_MS + 20 * MINUTE_MS))

    assert isinstance(error, BusyError)
    assert error.retry_after_ms == 20 * MINUTE_MS
    assert len({call.headers["authorization"] for call in service.calls}) == 1


# --- what APNs answers ---


async def test_200_is_accepted_under_the_id_that_we_gave(service: ApnsService, channel: Apns) -> None:
    accepted = await channel.send(outgoing())

    assert accepted.status == 200
    assert accepted.reference == service.calls[0].headers["apns-id"]


@pytest.mark.parametrize(
    ("status", "reason", "kind", "said"),
    [
        (400, "BadCollapseId", PermanentError, "bad_collapse_id"),
        (400, "BadExpirationDate", PermanentError, "bad_expiration_date"),
        (400, "BadMessageId", PermanentError, "bad_message_id"),
        (400, "BadPriority", PermanentError, "bad_priority"),
        (400, "BadTopic", CredentialError, "bad_topic"),
        (400, "DuplicateHeaders", PermanentError, "duplicate_headers"),
        (400, "IdleTimeout", TransientError, "idle_timeout"),
        (400, "InvalidPushType", PermanentError, "invalid_push_type"),
        (400, "MissingDeviceToken", PermanentError, "missing_device_token"),
        (400, "MissingTopic", CredentialError, "missing_topic"),
        (400, "PayloadEmpty", PermanentError, "payload_empty"),
        (400, "TopicDisallowed", CredentialError, "topic_disallowed"),
        (403, "BadCertificate", CredentialError, "bad_certificate"),
        (403, "BadCertificateEnvironment", CredentialError, "bad_certificate_environment"),
        (403, "BadEnvironmentKeyIdInToken", CredentialError, "bad_environment_key_id_in_token"),
        (403, "ExpiredProviderToken", CredentialError, "expired_provider_token"),
        (403, "Forbidden", CredentialError, "forbidden"),
        (403, "InvalidProviderToken", CredentialError, "invalid_provider_token"),
        (403, "MissingProviderToken", CredentialError, "missing_provider_token"),
        (403, "UnrelatedKeyIdInToken", CredentialError, "unrelated_key_id_in_token"),
        (404, "BadPath", PermanentError, "bad_path"),
        (405, "MethodNotAllowed", PermanentError, "method_not_allowed"),
        (410, "ExpiredToken", DeviceGoneError, "expired_token"),
        (410, "Unregistered", DeviceGoneError, "unregistered"),
        (413, "PayloadTooLarge", PermanentError, "payload_too_large"),
        (429, "TooManyProviderTokenUpdates", BusyError, "too_many_provider_token_updates"),
        (429, "TooManyRequests", BusyError, "too_many_requests"),
        (500, "InternalServerError", TransientError, "internal_server_error"),
        (503, "ServiceUnavailable", BusyError, "service_unavailable"),
        (503, "Shutdown", TransientError, "shutdown"),
        (418, "SomethingNew", PermanentError, "something_new"),
        (403, "SomethingNew", CredentialError, "something_new"),
        (502, "SomethingNew", TransientError, "something_new"),
        (302, "", PermanentError, "request_refused"),
        (500, "", TransientError, "service_failed"),
        (429, "</script>", BusyError, "service_failed"),
        (400, "x" * 5000, PermanentError, "request_refused"),
    ],
)
async def test_each_refusal_means_what_apple_says(  # noqa: PLR0913, PLR0917 - a table
    service: ApnsService, channel: Apns, status: int, reason: str, kind: type[DeliveryError], said: str
) -> None:
    service.script = refusing(status, reason)

    error = await failure(channel)

    assert type(error) is kind
    assert (error.reason, error.status) == (said, status)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"reason": 7}',
        b'{"reason": null}',
        b"\xff\xfe",
        b"{" * 5000,
        b'{"timestamp": 1.5}',
        b'{"timestamp": 1e300}',
    ],
)
@pytest.mark.parametrize(
    ("status", "kind"), [(400, PermanentError), (403, CredentialError), (410, DeviceGoneError), (503, BusyError)]
)
async def test_an_answer_that_is_none_counts_by_its_status(
    service: ApnsService, channel: Apns, status: int, kind: type[DeliveryError], body: bytes
) -> None:
    service.script = lambda call: call.answer(status, body)

    assert type(await failure(channel)) is kind


async def test_410_says_since_when(service: ApnsService, channel: Apns) -> None:
    service.script = refusing(410, "Unregistered", timestamp=NOW_MS - 5000)

    error = await failure(channel)

    assert isinstance(error, DeviceGoneError)
    assert (error.since_ms, error.reason, error.status) == (NOW_MS - 5000, "unregistered", 410)


@pytest.mark.parametrize("reason", ["BadDeviceToken", "DeviceTokenNotForTopic"])
async def test_a_refused_device_token_is_dead_only_where_others_were_known(
    service: ApnsService, channel: Apns, reason: str
) -> None:
    """With a wrong `sandbox` or `topic` all are refused like this: nobody's address may be lost over it."""
    service.script = refusing(400, reason)
    assert type(await failure(channel)) is PermanentError
    service.script = lambda call: call.answer()
    await channel.send(outgoing(device(1)))
    service.script = refusing(400, reason)

    error = await failure(channel)

    assert isinstance(error, DeviceGoneError)
    assert error.since_ms is None
    channel.use({"default": {**FULL, "topic": "com.example.other"}})
    assert type(await failure(channel)) is PermanentError


async def test_retry_after_is_heard(service: ApnsService, channel: Apns) -> None:
    service.script = lambda call: call.answer(503, headers={"retry-after": "7"})

    error = await failure(channel)

    assert isinstance(error, BusyError)
    assert error.retry_after_ms == 7000


# --- faults: each message ends in a result ---


async def test_every_one_of_3000_refusals_is_heard(service: ApnsService, connect: Connect) -> None:
    service.script = refusing(410, "Unregistered", timestamp=NOW_MS)

    async with connect(timeout_s=60.0) as channel:
        channel.use({"default": FULL})
        assert await outcomes(channel, 3000) == {"DeviceGoneError": 3000}
    assert len(service.calls) == 3000


async def test_one_bad_token_never_delays_the_others(service: ApnsService, channel: Apns) -> None:
    def script(call: Call) -> None:
        if int(call.device, 16) % 10:
            call.answer()
        else:
            call.refuse(400, "BadDeviceToken")

    service.script = script

    assert sum((await outcomes(channel, 300)).values()) == 300
    assert service.accepted == 1


async def test_slower_than_the_deadline_is_an_open_outcome_and_the_repeat_has_the_same_ids(
    service: ApnsService, connect: Connect
) -> None:
    async with connect(timeout_s=SOON_S) as channel:
        channel.use({"default": FULL})
        service.script = lambda _: None
        assert isinstance(await failure(channel), OutcomeUnknownError)
        service.script = lambda call: call.answer()
        await channel.send(outgoing())

    first, again = service.calls
    for name in ("apns-id", "apns-collapse-id"):
        assert first.headers[name] == again.headers[name]


async def test_a_lost_connection_leaves_the_outcomes_open(service: ApnsService, channel: Apns) -> None:
    service.script = lambda call: call.connection.cut() if call.device == device(25) else None

    assert await outcomes(channel, 50) == {"OutcomeUnknownError": 50}


async def test_a_reset_leaves_the_outcome_open(service: ApnsService, channel: Apns) -> None:
    service.script = lambda call: call.reset(ErrorCodes.INTERNAL_ERROR)

    error = await failure(channel)

    assert isinstance(error, OutcomeUnknownError)
    assert error.reason == "stream_reset"


async def test_what_is_not_processed_is_sent_again_within_the_deadline(service: ApnsService, channel: Apns) -> None:
    def script(call: Call) -> None:
        tries = service.devices().count(call.device)
        if tries == 1 and int(call.device, 16) % 3 == 0:
            call.reset(ErrorCodes.REFUSED_STREAM)
        elif tries == 1 and int(call.device, 16) % 50 == 1:
            call.answer()
            call.connection.go_away(last=call.stream)
        else:
            call.answer()

    service.script = script

    assert await outcomes(channel, 300) == {"Accepted": 300}


async def test_what_is_refused_for_ever_may_be_sent_later(service: ApnsService, channel: Apns) -> None:
    service.script = lambda call: call.reset(ErrorCodes.REFUSED_STREAM)

    error = await failure(channel)

    assert type(error) is TransientError
    assert error.reason == "stream_refused"


async def test_one_stream_as_before_the_first_valid_token(service: ApnsService, channel: Apns) -> None:
    service.settings = {SettingCodes.MAX_CONCURRENT_STREAMS: 1}

    assert await outcomes(channel, 60) == {"Accepted": 60}
    assert all(connection.most_open == 1 for connection in service.connections)


async def test_no_room_in_time_asks_for_fewer_at_once(service: ApnsService, connect: Connect) -> None:
    service.settings = {SettingCodes.MAX_CONCURRENT_STREAMS: 1}
    service.script = lambda _: None

    async with connect(timeout_s=SOON_S) as channel:
        channel.use({"default": FULL})
        assert await outcomes(channel, 5) == {"OutcomeUnknownError": 2, "BusyError": 3}


async def test_nobody_there(connect: Connect, unused_tcp_port: int) -> None:
    async with connect(port=unused_tcp_port) as channel:
        channel.use({"default": FULL})
        error = await failure(channel)

    assert type(error) is TransientError
    assert error.reason == "service_unreachable"


async def test_a_stranger_is_not_trusted(service: ApnsService, connect: Connect) -> None:
    async with connect(ca_file=None) as channel:
        channel.use({"default": FULL})
        error = await failure(channel)

    assert type(error) is TransientError
    assert error.reason == "service_not_trusted"
    assert service.calls == []


async def test_nothing_secret_is_logged_or_said(
    service: ApnsService, channel: Apns, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "push")
    service.script = refusing(403, "InvalidProviderToken")

    error = await failure(channel)

    token = service.calls[0].headers["authorization"].removeprefix("bearer ")
    key = base64.b64encode(b"").decode() + str(CREDENTIAL["private_key"])[30:60]
    for text in (str(error), repr(error), caplog.text):
        assert token not in text
        assert key not in text
        assert DEVICE not in text
