"""What a webhook's body says: the whole message as JSON, or as much of it as a template has places for."""

import re
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from push.channels import template
from push.channels.template import Encoding, Template
from push.model.delivery import Action, Basis, Content, Outgoing, Part, Urgency
from push.model.errors import PermanentError, TooLargeError

_MOST_BYTES: Final = 65_536
"""Three times what Standard Webhooks recommends to stay below; receivers and proxies commonly take a megabyte."""
_PHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}")  # ITU-T E.164: at most 15 digits
_PHONE_FILLING: Final = str.maketrans("", "", " -./()")
_IN_A_TEMPLATE: Final[dict[Part, str]] = {"body": "body", "url": "url"}
_NOT_IN_A_TEMPLATE: Final[tuple[Part, ...]] = ("urgency", "collapse_key")


class WebhookAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom the receiver shall reach: a phone number with its country code, or whatever it knows people by."""

    to: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """The body without a template; every field is always there."""

    id: str
    """The message's; `delivery` is that of this way to her."""
    delivery: str
    to: str
    title: str
    body: str
    url: str | None
    image: str | None
    actions: tuple[Action, ...]
    data: dict[str, str]
    locale: str | None
    expires_ms: int
    basis: Basis
    urgency: Urgency
    collapse_key: str


def target(address: Mapping[str, object]) -> str:
    """Whom `address` names; a phone number without what people put between its digits.

    Raises `PermanentError`: ``bad_address``.
    """
    try:
        to = msgspec.convert(address, WebhookAddress).to.strip()
    except ValueError:  # msgspec's errors are of this type
        raise PermanentError("bad_address") from None
    if to.startswith("+"):
        to = to.translate(_PHONE_FILLING)
        if not _PHONE.fullmatch(to):
            raise PermanentError("bad_address")
    if not to or not to.isprintable():
        raise PermanentError("bad_address")
    return to


def payload(outgoing: Outgoing, shape: Template | None, encoding: Encoding) -> bytes:
    """The body, in the shape of a template where there is one. Raises `PermanentError`: `TooLargeError` among them."""
    to, message, content = target(outgoing.address), outgoing.message, outgoing.message.content
    if shape is not None:
        texts = {"to": to, "title": content.title, "body": content.body, "url": content.url or "", "id": message.id}
        body = template.fill(shape, encoding, texts)
    else:
        carried = Payload(
            id=message.id,
            delivery=outgoing.delivery,
            to=to,
            title=content.title,
            body=content.body,
            url=content.url,
            image=content.image,
            actions=content.actions,
            data=content.data,
            locale=content.locale,
            expires_ms=message.expires_ms,
            basis=message.basis,
            urgency=message.urgency,
            collapse_key=message.collapse_key,
        )
        body = msgspec.json.encode(carried)
    if len(body) > _MOST_BYTES:
        raise TooLargeError(len(body), _MOST_BYTES)
    return body


def dropped(content: Content, shape: Template | None) -> tuple[Part, ...]:
    """What a template has no place for."""
    if shape is None:
        return ()
    names = template.used(shape)
    parts: dict[Part, object] = {
        "body": content.body,
        "url": content.url,
        "image": content.image,
        "actions": content.actions,
        "data": content.data,
        "locale": content.locale,
    }
    lost = tuple(part for part, there in parts.items() if there and _IN_A_TEMPLATE.get(part) not in names)
    return lost + _NOT_IN_A_TEMPLATE
