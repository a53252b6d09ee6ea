"""Webhooks that are not taken: what each answer means, and what is wrong with a credential."""

from pathlib import Path

import msgspec
import pytest
import trustme

from push.channels import webhook
from push.channels.webhook import Webhook, WebhookCredential, WebhookSettings
from push.model.errors import (
    BusyError,
    CredentialError,
    DeliveryError,
    OutcomeUnknownError,
    PermanentError,
    TransientError,
)
from tests.support.hooks import SECRET, notice, trusting, webhook_credential
from tests.support.webhook_service import Receiver, Reply, serving


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (301, CredentialError, "redirect_refused"),
        (307, CredentialError, "redirect_refused"),
        (400, PermanentError, "request_refused"),
        (401, CredentialError, "credential_refused"),
        (402, CredentialError, "payment_required"),
        (403, CredentialError, "credential_refused"),
        (404, CredentialError, "endpoint_unknown"),
        (405, CredentialError, "endpoint_unknown"),
        (408, TransientError, "service_failed"),
        (410, CredentialError, "endpoint_gone"),
        (413, PermanentError, "payload_too_large"),
        (422, PermanentError, "request_refused"),
        (425, TransientError, "service_failed"),
        (429, BusyError, "rate_limited"),
        (500, TransientError, "service_failed"),
        (502, BusyError, "service_busy"),
        (503, BusyError, "service_busy"),
        (504, BusyError, "service_busy"),
    ],
)
async def test_what_a_status_means(
    receiver: Receiver, hook: Webhook, status: int, kind: type[DeliveryError], reason: str
) -> None:
    receiver.replies.append(Reply(status, {"Location": "/elsewhere", "Retry-After": "7"}))
    with pytest.raises(DeliveryError) as caught:
        await hook.send(notice())

    assert (type(caught.value), caught.value.reason, caught.value.status) == (kind, reason, status)
    if isinstance(caught.value, TransientError) and kind is not CredentialError:
        assert caught.value.retry_after_ms == 7000
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    "reply", [Reply(delay_s=30), Reply(cut=b""), Reply(cut=b"HTTP/1.1 200 O"), Reply(cut=b"220 hi\r\n")]
)
async def test_without_an_answer_the_outcome_is_unknown_and_a_repeat_says_that_it_is_one(
    receiver: Receiver, tmp_path: Path, reply: Reply
) -> None:
    receiver.replies.append(reply)
    async with webhook.connect(trusting(receiver, tmp_path, timeout_s=0.5)) as hook:
        hook.use({"default": webhook_credential(receiver)})
        with pytest.raises(OutcomeUnknownError, match="outcome_unknown"):
            await hook.send(notice())
        await hook.send(notice())

    assert [request.headers["webhook-id"] for request in receiver.requests] == ["dlv_1"] * 2
    assert len({request.body for request in receiver.requests}) == 1


async def test_an_endpoint_that_is_down_was_never_reached(hook: Webhook) -> None:
    async with serving(Receiver()) as down:
        pass
    hook.use({"default": webhook_credential(down)})
    with pytest.raises(TransientError, match="service_unreachable") as caught:
        await hook.send(notice())
    assert not isinstance(caught.value, OutcomeUnknownError)


async def test_an_endpoint_that_is_not_who_it_should_be_is_not_trusted(receiver: Receiver, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    settings = WebhookSettings(allow_private_hosts=True, ca_file=str(tmp_path / "other.pem"))
    async with webhook.connect(settings) as hook:
        hook.use({"default": webhook_credential(receiver)})
        with pytest.raises(TransientError, match="service_not_trusted"):
            await hook.send(notice())
        with pytest.raises(TransientError, match="service_not_trusted"):
            await hook.check("default", webhook_credential(receiver))
    assert receiver.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_an_endpoint_inside_our_own_network_is_never_connected_to(receiver: Receiver, host: str) -> None:
    inside = webhook_credential(receiver, url=receiver.origin.replace("127.0.0.1", host))
    async with webhook.connect(WebhookSettings()) as hook:
        hook.use({"default": inside})
        with pytest.raises(CredentialError, match="address_not_public"):
            await hook.send(notice())
        with pytest.raises(CredentialError, match="address_not_public"):
            await hook.check("default", inside)
    assert receiver.requests == []


async def test_a_check_asks_for_the_head_and_posts_nothing(receiver: Receiver, hook: Webhook) -> None:
    receiver.replies.append(Reply(405))
    checked = await hook.check("default", webhook_credential(receiver))

    assert (checked.summary, checked.warnings, checked.expires_ms) == (receiver.origin, (), None)
    assert [request.method for request in receiver.requests] == ["HEAD"]


@pytest.mark.parametrize(
    ("status", "reason"), [(401, "credential_refused"), (410, "endpoint_gone"), (308, "redirect_refused")]
)
async def test_a_check_that_is_refused(receiver: Receiver, hook: Webhook, status: int, reason: str) -> None:
    receiver.replies.append(Reply(status))
    with pytest.raises(CredentialError, match=reason):
        await hook.check("default", webhook_credential(receiver))


async def test_a_check_that_is_not_answered(receiver: Receiver, hook: Webhook) -> None:
    receiver.replies += [Reply(cut=b"")] * 2  # what changes nothing is asked again at once
    with pytest.raises(TransientError, match="service_unreachable"):
        await hook.check("default", webhook_credential(receiver))


async def test_a_check_warns_of_what_looks_like_a_slip(receiver: Receiver, hook: Webhook) -> None:
    checked = await hook.check("default", webhook_credential(receiver, template={"text": "{salutation}"}))

    assert checked.warnings == (
        "{salutation} is no placeholder, and sent as it stands",
        "the template has no {to}: every message goes to the same receiver",
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": "http://shop.example/hook"}, "url: expected an https URL"),
        ({"url": "https://user:pass@shop.example/hook"}, "url: expected an https URL"),
        ({"url": "hook"}, "url: expected an https URL"),
        ({"secret": "topsecret"}, "secret: expected whsec_"),
        ({"previous_secret": "topsecret"}, "previous_secret: expected whsec_"),
        ({"headers": {"Authorization": "topsecret\r\nX: y"}}, "headers"),
        ({"headers": {"A b": "topsecret"}}, "headers"),
        ({"headers": {"Webhook-Id": "topsecret"}}, "headers: expected none that are ours: webhook-id"),
        ({"headers": {"content-length": "topsecret"}}, "headers: expected none that are ours: content-length"),
        ({"headers": {f"H{i}": "topsecret" for i in range(17)}}, "headers"),
        ({"encoding": "form"}, "encoding: expected json, or a template"),
        ({"encoding": "form", "template": {"a": ["{to}"]}}, "template: expected no objects"),
        ({"template": {"a": "x" * 20_000}}, "template: expected at most"),
        ({"template": {"a": [[[[[[[[1]]]]]]]]}}, "template: expected at most"),
        ({"template": "{to}"}, "template"),
        ({"reference_field": "a..b"}, "reference_field"),
        ({"sekret": "topsecret"}, "unknown field `sekret`"),
    ],
)
async def test_a_malformed_credential_says_which_field_and_not_its_value(
    receiver: Receiver, hook: Webhook, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(PermanentError, match=said) as caught:
        await hook.check("default", webhook_credential(receiver, **changes))
    assert "topsecret" not in str(caught.value)
    assert "pass" not in str(caught.value)


async def test_secrets_stand_in_no_repr(receiver: Receiver) -> None:
    known = msgspec.convert(webhook_credential(receiver, headers={"Authorization": "topsecret"}), WebhookCredential)
    assert not [secret for secret in (SECRET, "topsecret", "key=1") if secret in repr(known)]


async def test_an_app_without_a_credential_sends_nothing(receiver: Receiver, hook: Webhook) -> None:
    with pytest.raises(CredentialError, match="no_credential"):
        await hook.send(notice(app="cafe"))
    assert hook.fit(notice(app="cafe")) == ()
    assert receiver.requests == []
