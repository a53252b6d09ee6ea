"""Messages as clients write them become statements, or are refused for a reason that names no value."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from push.model.profiles import Authority, Identifier, Statement
from push.profiles.collect.bounds import MOST_BYTES, Rejected
from push.profiles.collect.parse import Heard, Read, read
from push.profiles.collect.who import Proof
from push.profiles.identity.kinds import Kinds

NOW_MS = 1_795_305_600_000
KINDS = Kinds()
ANN = Proof("ann", email="Ann@Example.org")


def parsed(message: object, authority: Authority = "server", **heard: Any) -> Read:  # noqa: ANN401 - fields of many types
    raw = message if isinstance(message, bytes) else json.dumps(message).encode()
    call = Heard(**{"source": "collector:shop", "authority": authority, "received_ms": NOW_MS, **heard})
    return read(raw, call, KINDS, lambda token: ANN if token == "good" else None)  # noqa: S105 - a test's


def said(message: object, authority: Authority = "server", **heard: Any) -> Statement:  # noqa: ANN401 - fields of many types
    found = parsed(message, authority, **heard).what
    assert isinstance(found, Statement), found
    return found


def refused(message: object, authority: Authority = "server", **heard: Any) -> Rejected:  # noqa: ANN401 - fields of many types
    found = parsed(message, authority, **heard).what
    assert isinstance(found, Rejected), found
    return found


TRACK = {"type": "track", "event": "Seen", "anonymousId": "a-17"}


def test_an_identify_of_a_back_end_is_kept_under_the_customer_and_links_what_it_names() -> None:
    traits = {"email": "Ann@Example.org", "phone": "+49 (30) 123456", "name": "Ann"}
    found = said({"type": "identify", "userId": "ann", "anonymousId": "a-17", "traits": traits})
    assert found.home == Identifier("user_id", "ann")
    assert found.also == (
        Identifier("email", "ann@example.org"),
        Identifier("phone", "+4930123456"),
        Identifier("anonymous_id", "a-17"),
    )
    assert found.traits == traits


def test_traits_may_stand_in_the_context() -> None:
    found = said({"type": "identify", "userId": "ann", "context": {"traits": {"name": "Ann", "email": "a@b.example"}}})
    assert found.traits["name"] == "Ann"
    assert Identifier("email", "a@b.example") in found.also


def test_ids_may_be_numbers() -> None:
    assert said({"type": "page", "userId": 17, "name": "Home"}).home == Identifier("user_id", "17")
    assert said({"type": "page", "userId": 17.0, "anonymousId": None}).home == Identifier("user_id", "17")


@pytest.mark.parametrize("extra", [{"userId": "ann"}, {"context": {"userToken": "bad"}, "userId": "ann"}])
def test_a_key_that_ships_speaks_for_its_anonymous_id_alone(extra: dict[str, Any]) -> None:
    message = {"type": "identify", "anonymousId": "a-17", "traits": {"email": "ann@example.org"}, **extra}
    found = parsed(message, "publishable")
    assert isinstance(found.what, Statement)
    assert (found.what.home, found.what.also) == (Identifier("anonymous_id", "a-17"), ())
    assert found.what.authority == "publishable"
    assert "unproven" in found.notes


@pytest.mark.parametrize("kind", ["identify", "track", "page", "screen", "alias", "group"])
def test_a_key_that_ships_says_nothing_of_known_people_alone(kind: str) -> None:
    message = {"type": kind, "userId": "ann", "previousId": "a-1", "groupId": "g", "event": "Seen"}
    assert refused(message, "publishable").reason == "unproven"


def test_an_alias_of_a_key_that_ships_links_nothing() -> None:
    message = {"type": "alias", "userId": "ann", "previousId": "bob", "anonymousId": "a-17"}
    assert said(message, "publishable").also == ()


def test_a_token_of_the_back_end_speaks_for_whom_it_names() -> None:
    found = said({**TRACK, "context": {"userToken": "good"}}, "publishable")
    assert found.home == Identifier("user_id", "ann")
    assert found.also == (Identifier("email", "ann@example.org"), Identifier("anonymous_id", "a-17"))
    assert found.authority == "proven"
    assert "userToken" not in found.context


def test_a_token_may_hold_for_a_whole_call() -> None:
    assert said({**TRACK, "userId": "ann"}, "publishable", token="good").authority == "proven"  # noqa: S106 - a test's


def test_whoever_used_the_device_before_is_not_whom_the_token_names() -> None:
    message = {**TRACK, "userId": "bob", "context": {"userToken": "good"}}
    found = said(message, "publishable")
    assert (found.home, found.also, found.authority) == (Identifier("anonymous_id", "a-17"), (), "publishable")


def test_an_alias_links_an_anonymous_id_to_its_customer() -> None:
    found = said({"type": "alias", "previousId": "a-16", "userId": "ann"})
    assert (found.home, found.also) == (Identifier("user_id", "ann"), (Identifier("anonymous_id", "a-16"),))
    assert refused({"type": "alias", "userId": "ann"}).reason == "no_previous_id"


def test_ids_of_other_systems_are_named_by_their_kind() -> None:
    ids = [{"type": "email", "id": "a@b.example"}, {"type": "tax_number", "id": "x"}, {"type": 1}, "x"]
    found = parsed({"type": "track", "event": "Seen", "userId": "ann", "context": {"externalIds": ids}})
    assert isinstance(found.what, Statement)
    assert found.what.also == (Identifier("email", "a@b.example"),)
    assert found.notes == ("unproven",)


@pytest.mark.parametrize("junk", ["null", "undefined", "0000", "test@test.com", "[object Object]", "-1"])
def test_what_stands_where_there_is_no_id_is_nobody(junk: str) -> None:
    assert refused({"type": "track", "event": "Seen", "userId": junk}).reason == "junk_identifier"
    kept = parsed({**TRACK, "userId": junk})
    assert isinstance(kept.what, Statement)
    assert (kept.what.home.kind, kept.what.also) == ("anonymous_id", ())


def test_a_group_is_no_person() -> None:
    found = said({"type": "group", "userId": "ann", "groupId": 7, "traits": {"name": "Acme"}})
    assert found.traits == {}
    assert found.properties == {"groupId": "7", "traits": {"name": "Acme"}}


def test_of_the_context_only_what_is_needed_is_kept() -> None:
    context = {
        "ip": "192.0.2.7",
        "userAgent": "Mozilla",
        "locale": "de-DE",
        "page": {"path": "/shoes", "url": "https://shop.example/shoes?mail=ann"},
        "device": {"id": "x", "advertisingId": "y", "type": "ios"},
        "consent": {"categoryPreferences": {"Ads": True, "odd": "yes"}, "purposes": {"marketing": True}},
    }
    assert said({**TRACK, "context": context}).context == {
        "locale": "de-DE",
        "page": {"path": "/shoes"},
        "device": {"type": "ios"},
        "consent": {"categoryPreferences": {"Ads": True}},
    }


# --- the same saying, and its time ------------------------------------------------------------------------------------


def test_the_same_message_is_the_same_statement_whenever_it_is_sent() -> None:
    first = said({**TRACK, "messageId": "m-1", "sentAt": "2026-11-22T00:00:00Z"})
    assert (
        said({**TRACK, "messageId": "m-1", "sentAt": "2026-11-22T00:00:09Z"}, received_ms=NOW_MS + 9000).id == first.id
    )
    assert said({**TRACK, "messageId": "m-2"}).id != first.id
    assert said({**TRACK, "messageId": "m-1"}, source="app:app").id != first.id


def test_one_without_an_id_is_known_by_what_it_says() -> None:
    assert said(TRACK).id == said({**TRACK, "sentAt": "2026-11-22T00:00:00Z"}).id
    assert said(TRACK).id != said({**TRACK, "properties": {"n": 1}}).id


@pytest.mark.parametrize(
    ("times", "at_ms"),
    [
        ({}, NOW_MS),
        ({"timestamp": "2026-11-22T00:00:00+00:00", "sentAt": "2026-11-22T00:00:10Z"}, NOW_MS - 10_000),
        ({"originalTimestamp": "2031-01-01T00:00:00.000Z", "sentAt": "2031-01-01T00:00:03.500Z"}, NOW_MS - 3_500),
        ({"timestamp": NOW_MS - 5, "sentAt": None}, NOW_MS - 5),
        ({"timestamp": (NOW_MS - 5_000) // 1000}, NOW_MS - 5_000),
        ({"timestamp": "2026-11-22T01:00:00.250+01:00"}, NOW_MS + 250),
        ({"timestamp": "yesterday"}, NOW_MS),
        ({"timestamp": 1e300}, NOW_MS),
        ({"timestamp": "0001-01-01T00:00:00+14:00"}, NOW_MS - 400 * 86_400_000),
    ],
)
def test_it_happened_as_long_before_the_receipt_as_before_the_sending(times: dict[str, Any], at_ms: int) -> None:
    assert said({**TRACK, **times}).at_ms == at_ms


def test_a_batch_may_say_when_it_was_sent() -> None:
    found = said({**TRACK, "timestamp": "2026-11-22T00:00:00Z"}, sent_ms=NOW_MS + 7_000)
    assert found.at_ms == NOW_MS - 7_000


@pytest.mark.parametrize(
    ("said_at", "at_ms", "note"),
    [
        ("1970-01-01T00:00:00Z", NOW_MS - 400 * 86_400_000, "past"),
        ("2099-01-01T00:00:00Z", NOW_MS + 60_000, "future"),
    ],
)
def test_a_time_that_cannot_be_is_moved_and_counted(said_at: str, at_ms: int, note: str) -> None:
    found = parsed({**TRACK, "timestamp": said_at})
    assert isinstance(found.what, Statement)
    assert (found.what.at_ms, found.notes) == (at_ms, (note,))


# --- what is refused --------------------------------------------------------------------------------------------------


def deep(levels: int) -> object:
    return [] if levels == 0 else [deep(levels - 1)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": None}, "no_type"),
        ({"type": "dance"}, "not_understood"),
        ({"event": " "}, "no_event"),
        ({"event": 7}, "not_understood"),
        ({"anonymousId": ""}, "no_identifier"),
        ({"anonymousId": {"a": 1}}, "not_understood"),
        ({"properties": "x"}, "not_understood"),
        ({"properties": {"a": deep(100)}}, "too_deep"),
        ({"properties": {f"k{n}": n for n in range(10_000)}}, "too_large"),
        ({"properties": {f"k{n}": n for n in range(600)}}, "too_many_keys"),
        ({"properties": {"a": list(range(6_000))}}, "too_many_values"),
        ({"properties": {"a": "x" * 9_000}}, "bad_text"),
        ({"properties": {"a\0": 1}}, "bad_key"),
        ({"properties": {"k" * 101: 1}}, "bad_key"),
        ({"properties": {"a": "x\0"}}, "bad_text"),
        ({"event": "x\0"}, "bad_text"),
        ({"properties": {"a": 2**64}}, "bad_number"),
        ({"traits": {"a": "x" * 1_000_000}}, "too_large"),
        ({"type": "group"}, "no_group_id"),
    ],
)
def test_what_is_refused_says_why_and_no_value(change: dict[str, Any], reason: str) -> None:
    found = refused({**TRACK, **change})
    assert found.reason == reason
    assert found.expected
    assert len(found.where) < 100


def test_a_body_that_is_no_json_is_refused() -> None:
    assert refused(b'{"type": "track", "event": NaN}').expected == "valid JSON"
    assert refused(b"[" * 100_000).reason == "too_large"
    assert refused(b'{"traits": ' + b"[" * 40_000).reason in {"too_deep", "not_understood"}


def test_names_of_any_script_are_taken() -> None:
    for name in ("شراء", "購入", "🛒 bought", "\u202efdp.exe"):
        assert said({**TRACK, "event": name}).name == name


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
FIELDS = (
    *("type", "event", "userId", "anonymousId", "previousId", "groupId", "messageId", "traits", "context", "timestamp"),
    *("properties", "sentAt", "name", "category"),
)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON), st.sampled_from(["publishable", "server"]))
def test_nothing_that_is_sent_raises_and_nothing_known_is_linked_by_a_key_that_ships(
    message: dict[str, Any], authority: Authority
) -> None:
    raw = msgspec.json.encode({"type": "track", "event": "Seen", "anonymousId": "a-17", **message})
    found = parsed(raw, authority)
    if isinstance(found.what, Statement) and authority == "publishable":
        assert found.what.home.kind == "anonymous_id"
        assert found.what.also == ()


def test_a_message_of_the_most_bytes_is_looked_at() -> None:
    room = MOST_BYTES - len(json.dumps({**TRACK, "properties": {"a": []}}).encode())
    texts = [("x" * 8_000) for _ in range(room // 8_004)]
    assert said({**TRACK, "properties": {"a": texts}})
