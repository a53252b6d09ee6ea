"""The channel against a local FCM and a local token server, over real HTTP and TLS."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from push.channels import fcm
from push.channels.fcm import Fcm, FcmCredential
from push.channels.fcm_payload import MAX_PAYLOAD, Form
from push.model.delivery import Action, Content, Message, Outgoing
from push.model.errors import PermanentError, TooLargeError
from tests.support import fcm_service
from tests.support.clocks import SettableClock
from tests.support.fcm_service import EMAIL, KEY_FILE, PROJECT, FcmService

NOW_MS = 1_800_000_000_000
TTL_S = 600
TOKEN = "fcm-token:APA91bHun4MxP5egoKMwt2KZFBaFUH"  # noqa: S105 - nobody's
FULL: dict[str, object] = {"service_account": KEY_FILE, "private": False}
PRIVATE: dict[str, object] = {"service_account": KEY_FILE}
CONTENT = Content(
    title="Welcome back",
    body="Your coffee is on us",
    url="https://shop.example/offer/1",
    image="https://shop.example/1.png",
    actions=(Action(title="Show", url="/offer/1"), Action(title="Not now", url="/later")),
    data={"offer": "1", "route": "/offers"},
    locale="de-DE",
)


def outgoing(address: dict[str, object] | None = None, app: str = "default", **changes: Any) -> Outgoing:  # noqa: ANN401 - fields of any type
    fields: dict[str, Any] = {
        "id": "m1",
        "shopper": "ada",
        "campaign": "pregnancy-test",
        "content": CONTENT,
        "created_ms": NOW_MS,
        "expires_ms": NOW_MS + TTL_S * 1000,
        "collapse_key": "pregnancy-test/store-1",
    }
    message = Message(**(fields | changes))
    to: dict[str, object] = {"token": TOKEN} if address is None else address
    return Outgoing(delivery="d1", device="phone", message=message, address=to, now_ms=NOW_MS, app=app)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[FcmService]:
    async with fcm_service.serving(tmp_path, SettableClock(NOW_MS)) as running:
        yield running


@pytest.fixture
async def channel(service: FcmService) -> AsyncIterator[Fcm]:
    async with fcm.connect(service.settings(), SettableClock(NOW_MS)) as connected:
        connected.use({"default": FULL, "quiet": PRIVATE})
        yield connected


# --- what is sent -----------------------------------------------------------------------------------------------------


async def test_a_message_says_everything_to_every_platform(service: FcmService, channel: Fcm) -> None:
    accepted = await channel.send(outgoing())

    sent = service.asked[-1].message
    key = sent["android"]["collapse_key"]
    assert sent == {
        "token": TOKEN,
        "notification": {
            "title": "Welcome back",
            "body": "Your coffee is on us",
            "image": "https://shop.example/1.png",
        },
        "data": {
            "footfall.id": "m1",
            "footfall.delivery": "d1",
            "footfall.expires_ms": str(NOW_MS + TTL_S * 1000),
            "footfall.url": "https://shop.example/offer/1",
            "footfall.actions": sent["data"]["footfall.actions"],
            "footfall.locale": "de-DE",
            "offer": "1",
            "route": "/offers",
        },
        "android": {"collapse_key": key, "priority": "HIGH", "ttl": "600s", "notification": {"tag": key}},
        "apns": {
            "headers": {
                "apns-priority": "10",
                "apns-expiration": str(NOW_MS // 1000 + TTL_S),
                "apns-collapse-id": key,
            },
            "payload": {
                "aps": {"alert": {"title": "Welcome back", "body": "Your coffee is on us"}, "mutable-content": 1}
            },
            "fcm_options": {"image": "https://shop.example/1.png"},
        },
        "webpush": {
            "headers": {"TTL": "600", "Urgency": "high", "Topic": key},
            "fcm_options": {"link": "https://shop.example/offer/1"},
        },
    }
    assert (accepted.status, accepted.dropped) == (200, ())
    assert accepted.reference is not None
    assert accepted.reference.startswith(f"projects/{PROJECT}/messages/")


async def test_buttons_ride_along_for_the_app_to_draw(service: FcmService, channel: Fcm) -> None:
    await channel.send(outgoing())

    assert json.loads(service.asked[-1].message["data"]["footfall.actions"]) == [
        {"title": "Show", "url": "/offer/1"},
        {"title": "Not now", "url": "/later"},
    ]


async def test_a_plain_message_has_neither_picture_nor_link(service: FcmService, channel: Fcm) -> None:
    accepted = await channel.send(outgoing(content=Content(title="Hi", body="there")))

    sent = service.asked[-1].message
    assert sent["notification"] == {"title": "Hi", "body": "there"}
    assert set(sent["data"]) == {"footfall.id", "footfall.delivery", "footfall.expires_ms"}
    assert sent["apns"]["payload"] == {"aps": {"alert": {"title": "Hi", "body": "there"}}}
    assert set(sent["apns"]) == {"headers", "payload"}
    assert set(sent["webpush"]) == {"headers"}
    assert accepted.dropped == ()


async def test_an_installation_id_is_an_address_too(service: FcmService, channel: Fcm) -> None:
    await channel.send(outgoing({"fid": "cdefGHIJKLMNOPQRSTUV_-"}))

    sent = service.asked[-1].message
    assert sent["fid"] == "cdefGHIJKLMNOPQRSTUV_-"
    assert "token" not in sent


@pytest.mark.parametrize(
    ("urgency", "android", "apns"),
    [("high", "HIGH", "10"), ("normal", "NORMAL", "5"), ("low", "NORMAL", "5"), ("very-low", "NORMAL", "1")],
)
async def test_urgency_is_said_in_each_platforms_words(
    service: FcmService, channel: Fcm, urgency: str, android: str, apns: str
) -> None:
    await channel.send(outgoing(urgency=urgency))

    sent = service.asked[-1].message
    assert sent["android"]["priority"] == android
    assert sent["apns"]["headers"]["apns-priority"] == apns
    assert sent["webpush"]["headers"]["Urgency"] == urgency


@pytest.mark.parametrize(
    ("expires_ms", "ttl_s", "expiration"),
    [
        (NOW_MS + 1999, 1, str(NOW_MS // 1000 + 1)),
        (NOW_MS + 999, 0, "0"),
        (NOW_MS - 1, 0, "0"),
        (NOW_MS + 40 * 86_400_000, 28 * 86400, str(NOW_MS // 1000 + 28 * 86400)),
    ],
    ids=["whole seconds", "now or never", "past", "capped"],
)
async def test_a_message_lives_no_longer_than_it_makes_sense_and_28_days(
    service: FcmService, channel: Fcm, expires_ms: int, ttl_s: int, expiration: str
) -> None:
    await channel.send(outgoing(expires_ms=expires_ms))

    sent = service.asked[-1].message
    assert sent["android"]["ttl"] == f"{ttl_s}s"
    assert sent["webpush"]["headers"]["TTL"] == str(ttl_s)
    assert sent["apns"]["headers"]["apns-expiration"] == expiration


async def test_what_replaces_what_is_told_without_its_name(service: FcmService, channel: Fcm) -> None:
    for message in (outgoing(), outgoing(id="m2"), outgoing(collapse_key="other"), outgoing({"token": "another:one"})):
        await channel.send(message)

    keys = [asked.message["android"]["collapse_key"] for asked in service.asked]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert all(len(key) == 32 and b"pregnancy" not in asked.raw for key, asked in zip(keys, service.asked, strict=True))


async def test_without_a_collapse_key_a_message_replaces_itself_alone(service: FcmService, channel: Fcm) -> None:
    for message in ("m1", "m1", "m2"):
        await channel.send(outgoing(id=message, collapse_key=""))

    keys = [asked.message["apns"]["headers"]["apns-collapse-id"] for asked in service.asked]
    assert keys[0] == keys[1] != keys[2]


async def test_a_picture_or_link_that_the_provider_cannot_open_stays_away(service: FcmService, channel: Fcm) -> None:
    content = msgspec.structs.replace(CONTENT, url="/offer/1", image="/img/1.png")
    accepted = await channel.send(outgoing(content=content))

    sent = service.asked[-1].message
    assert "image" not in sent["notification"]
    assert "fcm_options" not in sent["webpush"]
    assert sent["data"]["footfall.url"] == "/offer/1"
    assert accepted.dropped == channel.fit(outgoing(content=content)) == ("image",)


@pytest.mark.parametrize("key", ["from", "message_type", "collapse_key", "aps", "google_id", "gcmx"])
async def test_data_under_a_reserved_key_is_dropped_and_the_rest_goes(
    service: FcmService, channel: Fcm, key: str
) -> None:
    content = msgspec.structs.replace(CONTENT, data={key: "1", "offer": "2"})
    accepted = await channel.send(outgoing(content=content))

    data = service.asked[-1].message["data"]
    assert key not in data
    assert data["offer"] == "2"
    assert accepted.dropped == ("data",)


# --- private mode -----------------------------------------------------------------------------------------------------


async def test_private_mode_tells_the_provider_nothing(service: FcmService, channel: Fcm) -> None:
    accepted = await channel.send(outgoing(app="quiet"))

    asked = service.asked[-1]
    assert asked.message["notification"] == {"title": "A message for you", "body": "Tap to read it"}
    assert asked.message["data"] == {"footfall.id": "m1", "footfall.delivery": "d1"}
    everything = asked.raw + repr(asked.headers).encode()
    told = (b"Welcome", b"coffee", b"shop.example", b"pregnancy", b"offer", b"Not now", b"de-DE", b"ada", b"store-1")
    assert [word for word in told if word in everything] == []
    assert accepted.dropped == ("text", "url", "image", "actions", "data", "locale")


async def test_private_mode_is_the_default_and_its_words_are_the_apps_own(service: FcmService, channel: Fcm) -> None:
    own = {**PRIVATE, "generic_title": "Neue Nachricht", "generic_body": "Antippen zum Lesen"}
    channel.use({"default": own})
    accepted = await channel.send(outgoing(content=Content(title="Welcome", body="Coffee")))

    alert = service.asked[-1].message["apns"]["payload"]["aps"]["alert"]
    assert alert == {"title": "Neue Nachricht", "body": "Antippen zum Lesen"}
    assert accepted.dropped == ("text",)


# --- what does not fit ------------------------------------------------------------------------------------------------


async def test_a_message_that_does_not_fit_is_refused_before_it_is_sent(service: FcmService, channel: Fcm) -> None:
    large = outgoing(content=Content(title="x", body="ä" * 2000, data={"more": "y" * 200}))

    with pytest.raises(TooLargeError, match="at most 4096 fit") as caught:
        await channel.send(large)
    with pytest.raises(TooLargeError):
        channel.fit(large)

    assert caught.value.size_bytes > caught.value.most_bytes == MAX_PAYLOAD
    assert service.asked == []


async def test_what_is_too_large_in_full_fits_in_private(channel: Fcm) -> None:
    large = outgoing(app="quiet", content=Content(title="x", body="ä" * 2000, data={"more": "y" * 200}))

    assert channel.fit(large) == ("text", "data")


async def test_fit_without_a_credential_is_that_of_full_mode(channel: Fcm) -> None:
    assert channel.fit(outgoing(app="unknown")) == ()


@pytest.mark.parametrize(
    "address",
    [
        {},
        {"token": ""},
        {"token": "a b"},
        {"token": "x:y\n"},
        {"token": "ü:x"},
        {"token": 7},
        {"token": "x" * 4097},
        {"fid": "a/b"},
        {"fid": ""},
        {"token": TOKEN, "fid": "cdefGHIJKLMNOPQRSTUV_-"},
        {"topic": "news"},
        {"condition": "'a' in topics"},
        {"token": TOKEN, "topic": "news"},
    ],
)
async def test_addresses_that_can_never_work_are_refused(
    service: FcmService, channel: Fcm, address: dict[str, object]
) -> None:
    with pytest.raises(PermanentError, match="bad_address"):
        channel.check_address(address)
    with pytest.raises(PermanentError, match="bad_address"):
        await channel.send(outgoing(address))

    assert service.asked == []


contents = st.builds(
    Content,
    title=st.text(max_size=2000),
    body=st.text(max_size=2000),
    url=st.none() | st.text(max_size=2000) | st.just("https://shop.example/"),
    image=st.none() | st.text(max_size=2000) | st.just("https://shop.example/1.png"),
    actions=st.lists(
        st.builds(Action, title=st.text(min_size=1, max_size=100), url=st.text(max_size=200)), max_size=4
    ).map(tuple),
    data=st.dictionaries(
        st.from_regex(r"\A[A-Za-z][A-Za-z0-9_]{0,63}\Z") | st.sampled_from(["from", "gcm", "id"]),
        st.text(max_size=300),
        max_size=8,
    ),
    locale=st.none() | st.text(max_size=35),
)


@given(
    content=contents,
    private=st.booleans(),
    key=st.text(max_size=200),
    urgency=st.sampled_from(["very-low", "low", "normal", "high"]),
    expires_ms=st.integers(-1, 1 << 50),
)
def test_any_message_fits_as_valid_json_or_is_too_large(
    *, content: Content, private: bool, key: str, urgency: str, expires_ms: int
) -> None:
    form = fcm.form(msgspec.convert({**FULL, "private": private}, FcmCredential))
    message = outgoing(content=content, collapse_key=key, urgency=urgency, expires_ms=expires_ms)
    try:
        raw = form.encode(message)
    except TooLargeError as error:
        assert error.size_bytes > MAX_PAYLOAD  # noqa: PT017 - both ends are fine, only these two
        assert not private
    else:
        check_message(json.loads(raw)["message"], form, message)


def check_message(sent: dict[str, Any], form: Form, message: Outgoing) -> None:
    assert all(isinstance(value, str) for value in sent["data"].values())
    assert not any(k == "from" or k.startswith(("google", "gcm")) for k in sent["data"])
    counted = [*sent["data"], *sent["data"].values(), *sent["notification"].values()]
    assert sum(len(text.encode()) for text in counted) <= MAX_PAYLOAD
    assert 0 <= int(sent["android"]["ttl"].removesuffix("s")) <= 28 * 86400
    assert len(sent["apns"]["headers"]["apns-collapse-id"]) <= 64
    assert sent.get("webpush", {}).get("fcm_options", {}).get("link", "https://").startswith("https://")
    assert ("text" in form.fit(message)) is (sent["notification"]["title"] == "A message for you")
    if "text" not in form.fit(message):
        assert sent["notification"]["title"] == message.message.content.title
    assert EMAIL not in json.dumps(sent)
