"""Webhooks to receivers on loopback, over TLS, with the specification's own library as verifier."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from push.channels import signing, template, webhook
from push.channels.webhook import Webhook
from push.channels.webhook_payload import target
from push.model.delivery import Content
from push.model.errors import (
    CredentialError,
    PermanentError,
    TooLargeError,
)
from tests.support.hooks import EXPIRES_MS, OLD_SECRET, PHONE, SECRET, notice, trusting, webhook_credential
from tests.support.webhook_service import Receiver, Reply, SmsProvider, serving


async def test_the_whole_message_arrives_and_the_specifications_library_verifies_it(
    receiver: Receiver, hook: Webhook
) -> None:
    accepted = await hook.send(notice())

    [request] = receiver.requests
    assert (request.method, request.path) == ("POST", "/hook?key=1")
    assert request.headers["webhook-id"] == "dlv_1"
    assert request.headers["Content-Type"] == "application/json"
    assert Verifier(SECRET).verify(request.body, request.headers) == {
        "id": "msg_1",
        "delivery": "dlv_1",
        "to": PHONE,
        "title": "Welcome ☕",
        "body": "Your coffee is on us",
        "url": "https://shop.example/1",
        "image": "https://shop.example/1.png",
        "actions": [{"title": "Take it", "url": "https://shop.example/take"}],
        "data": {"sku": "42"},
        "locale": "de",
        "expires_ms": EXPIRES_MS,
        "basis": "service",
        "urgency": "high",
        "collapse_key": "welcome",
    }
    assert (accepted.status, accepted.reference, accepted.dropped) == (200, None, ())
    assert hook.fit(notice()) == ()


async def test_while_a_secret_is_replaced_receivers_may_know_either(receiver: Receiver, hook: Webhook) -> None:
    hook.use({"default": webhook_credential(receiver, previous_secret=OLD_SECRET)})
    await hook.send(notice())

    [request] = receiver.requests
    for secret in (SECRET, OLD_SECRET):
        Verifier(secret).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(signing.new_secret()).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(request.body + b" ", request.headers)


async def test_headers_of_the_credential_are_sent(receiver: Receiver, hook: Webhook) -> None:
    hook.use(
        {"default": webhook_credential(receiver, secret=None, headers={"Authorization": "Bearer t", "X-Tenant": "7"})}
    )
    await hook.send(notice())

    [request] = receiver.requests
    assert (request.headers["Authorization"], request.headers["X-Tenant"]) == ("Bearer t", "7")
    assert not [name for name in request.headers if name.lower().startswith("webhook-")]


async def test_an_sms_provider_is_sent_to_in_its_own_form(tmp_path: Path) -> None:
    async with (
        serving(SmsProvider("AC1", "token")) as provider,
        webhook.connect(trusting(provider, tmp_path)) as hook,
    ):
        sms = {
            "url": f"{provider.origin}/2010/Accounts/AC1/Messages",
            "headers": {"Authorization": provider.authorization},
            "template": {"From": "SHOP", "To": "{to}", "Body": "{title}: {body} {url}"},
            "encoding": "form",
            "reference_field": "message.sid",
        }
        checked = await hook.check("default", sms)
        hook.use({"default": sms, "broke": {**sms, "headers": {"Authorization": "Basic wrong"}}})
        accepted = await hook.send(notice("+49 (30) 123-45 67"))
        with pytest.raises(PermanentError, match="request_refused"):
            await hook.send(notice("ada"))
        with pytest.raises(CredentialError, match="credential_refused"):
            await hook.send(notice(app="broke"))
        with pytest.raises(CredentialError, match="credential_refused"):
            await hook.check("broke", {**sms, "headers": {}})

    assert checked.summary == provider.origin
    assert checked.warnings == ("requests are not signed: the receiver must know us by a header",)
    text = "Welcome ☕: Your coffee is on us https://shop.example/1"
    assert provider.sent == [{"From": "SHOP", "To": PHONE, "Body": text}]
    assert (accepted.status, accepted.reference) == (201, "SM1")
    assert accepted.dropped == ("image", "actions", "data", "locale", "urgency", "collapse_key")


async def test_or_in_its_own_json(receiver: Receiver, hook: Webhook) -> None:
    shape = {"messages": [{"to": ["{to}"], "text": "{body}", "ref": "{id}", "flash": False, "ttl": 60, "x": None}]}
    hook.use({"default": webhook_credential(receiver, template=shape, reference_field="messages.0.id")})
    receiver.replies.append(Reply(202, body=b'{"messages": [{"id": 7}]}'))
    accepted = await hook.send(notice())

    [request] = receiver.requests
    assert json.loads(request.body) == {
        "messages": [
            {"to": [PHONE], "text": "Your coffee is on us", "ref": "msg_1", "flash": False, "ttl": 60, "x": None}
        ]
    }
    assert accepted.reference == "7"


@given(st.text(max_size=50) | st.sampled_from(["{to}", "{{to}}", '"}', "&To=+1", "{title", "%7Bto%7D"]))
def test_what_is_put_in_a_template_is_text_and_nothing_else(title: str) -> None:
    shape: template.Template = {"a": "{title}{title}", "b": {"c": ["{to}", "{nobody}", "{"]}, "d": 1}
    values = {"title": title, "to": "x"}
    assert json.loads(template.fill(shape, "json", values)) == {
        "a": title * 2,
        "b": {"c": ["x", "{nobody}", "{"]},
        "d": 1,
    }


@pytest.mark.parametrize(
    ("reply", "reference"),
    [
        (Reply(headers={"X-Id": "h-1"}, body=b'{"id": "b-1"}'), "h-1"),
        (Reply(body=b'{"id": "b-1"}'), "b-1"),
        (Reply(body=b'{"id": {"x": 1}}'), None),
        (Reply(body=b'{"id": true}'), None),
        (Reply(body=b'["id"]'), None),
        (Reply(body=b"[" * 60_000), None),
        (Reply(body=b"<html>"), None),
        (Reply(body=b'{"id": "' + b"x" * 201 + b'"}'), None),
        (Reply(body=b'{"id": "a\\u0000b"}'), None),
        (Reply(body=b'{"id": "' + b"x" * 100_000), None),
        (Reply(status=204), None),
    ],
    ids=str,
)
async def test_the_receivers_own_id_is_kept_where_it_gives_one(
    receiver: Receiver, hook: Webhook, reply: Reply, reference: str | None
) -> None:
    hook.use({"default": webhook_credential(receiver, reference_header="x-id", reference_field="id")})
    receiver.replies.append(reply)

    assert (await hook.send(notice())).reference == reference


@pytest.mark.parametrize(
    ("to", "normal"), [("+49 30/123.45-67", "+49301234567"), ("ada", "ada"), (" U-0 4:7 ", "U-0 4:7")]
)
def test_whom_an_address_names(to: str, normal: str) -> None:
    assert target({"to": to}) == normal


@pytest.mark.parametrize(
    "to", ["", " ", "+", "+0301234567", "+49301234567890123", "+49 30 ABC", "a\nb", "a\x00", "x" * 201]
)
async def test_what_names_nobody_is_refused(hook: Webhook, to: str) -> None:
    with pytest.raises(PermanentError, match="bad_address"):
        hook.check_address({"to": to})


async def test_a_message_that_is_too_large_is_not_sent(receiver: Receiver, hook: Webhook) -> None:
    large = Content(title="x", body="x", data={f"k{i}": "ä" * 2000 for i in range(32)})
    with pytest.raises(TooLargeError):
        hook.fit(notice(content=large))
    with pytest.raises(TooLargeError):
        await hook.send(notice(content=large))
    assert receiver.requests == []
