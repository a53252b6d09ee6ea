"""What apps call to begin: register a device, agree, subscribe, get a tag."""

import secrets
from typing import Annotated, Final, Literal

import msgspec

from beacons.registry import Beacon
from beacons.topics import Id
from push.access import tokens
from push.api import asking, consents, naming
from push.api.contract import APP, DEVICE, Call, Context, Endpoint, ProblemError, own_device
from push.api.crowds import refuse_crowd
from push.api.purposes import refuse_unknown
from push.model.delivery import DEFAULT_APP
from push.model.errors import PermanentError
from push.model.ids import fresh
from push.model.people import Address, Device, Locale, Platform, Purpose
from push.model.profiles import Identifier
from push.model.tokens import new_token
from push.profiles import asked, consent, people
from push.profiles.asked import Asking
from push.profiles.identity import facets
from push.profiles.purposes.settings import Country
from push.registry.audit import audit
from push.registry.directory import put_beacon

TAG_EXPONENT: Final = 10
"""A phone's id turns every 1,024 s, about as often as its radio address does."""


class DeviceIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A device that wants to receive."""

    platform: Platform
    locale: Locale = "en"
    shopper: Id | None = None


class DeviceOut(msgspec.Struct, frozen=True):
    """A registered device; the token is shown this once."""

    device: str
    token: str
    shopper: str


class Consents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Purposes, granted or not; those left out stay as they are."""

    purposes: dict[Purpose, bool]


MOST_NAMED: Final = 100
"""Purposes in one call."""
ConsentVersion = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}$(?!\n)")]
"""Names the words of a purpose, as `GET /v1/app/config` has them."""


class ConsentsIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What she says to some purposes: the words that she was shown, by their versions, and where she was asked.

    `country` is the one that `GET /v1/app/config` chose the words for; without it, her locale's.
    """

    purposes: Annotated[dict[Purpose, bool], msgspec.Meta(max_length=MOST_NAMED)]
    versions: Annotated[dict[Purpose, ConsentVersion], msgspec.Meta(max_length=MOST_NAMED)] = {}
    locale: Locale | None = None
    country: Country | None = None
    asked_on: Literal["app", "page", "till", "desk", "phone", "letter"] = "app"


class SubscriptionKeys(msgspec.Struct, frozen=True):
    """Of a Web Push subscription, base64url."""

    p256dh: Annotated[str, msgspec.Meta(max_length=200)]
    auth: Annotated[str, msgspec.Meta(max_length=100)]


class SubscriptionIn(msgspec.Struct, frozen=True):
    """What `PushSubscription.toJSON()` gives."""

    endpoint: Annotated[str, msgspec.Meta(max_length=2048)]
    keys: SubscriptionKeys


class TagOut(msgspec.Struct, frozen=True):
    """A rotating identity to advertise: Eddystone-EID with this key, exponent and clock. Shown this once."""

    beacon: str
    format: str
    identity_key: str
    exponent: int
    counter_s: int
    counter_at_ms: int


async def register(context: Context, call: Call) -> DeviceOut:
    """A new device; an app's own key makes a new shopper and links nothing that is known."""
    body: DeviceIn = call.body
    if body.shopper is not None and call.principal.scope != "operator":
        detail = "The key of an app names no shopper; leave `shopper` out, or call from your back end."
        raise ProblemError(403, "Not allowed", detail)
    now_ms = context.clock.now_ms()
    if call.principal.scope == "app":
        refuse_crowd(context, context.collecting.newcomers.let_in(call.actor, call.peer.remote, 1, now_ms))
    shopper = body.shopper or fresh("shp")
    device = Device(id=fresh("dev"), shopper=shopper, platform=body.platform, locale=body.locale, seen_ms=now_ms)
    token = new_token("device")
    async with consents.changing(context) as change:
        tx = change.tx
        if body.shopper is None:
            await facets.new(tx, shopper, "device", now_ms)
        else:
            await naming.ensure_shopper(context, change, shopper, now_ms)
        await people.new_device(tx, device)
        known_by = Identifier("device", device.id)
        if body.shopper is not None:
            await tx.execute("profiles.unvouched_device", id=device.id)
        await facets.name(tx, context.keyring, context.vault, {known_by: shopper}, now_ms)
        await tokens.keep(tx, token, "device", device.id, now_ms)
    return DeviceOut(device.id, token, shopper)


async def shopper_of(context: Context, device_id: str) -> str:
    """Whose device this is. Raises `ProblemError` 404."""
    device = await people.device(context.db, device_id)
    if device is None:
        raise ProblemError(404, "Unknown device", "Register the device again with POST /v1/devices.")
    return device.shopper


async def get_consent(context: Context, call: Call) -> Consents:
    """What the device's shopper granted."""
    granted = await consent.granted(context.db, await shopper_of(context, own_device(call)))
    return Consents({purpose: purpose in granted for purpose in context.collecting.desk.purposes.known})


async def put_consent(context: Context, call: Call) -> Consents:
    """Grant or withdraw purposes; a withdrawal takes back what was not handed over yet."""
    body: ConsentsIn = call.body
    shopper = await shopper_of(context, own_device(call))
    refuse_unknown(context, {*body.purposes, *body.versions})
    said = asking.asking_of(context, Asking(body.versions, body.locale or "", body.asked_on), body.country)
    how = asking.circumstances(context, body.purposes, said, f"device:{call.principal.subject}")
    now_ms, counted = context.clock.now_ms(), asking.counted(context, said)

    async def said_so(change: consents.Change) -> None:
        await change.write(shopper, body.purposes, how, now_ms)
        await asked.answer(change.tx, shopper, body.purposes, counted, now_ms)

    await consents.changed(context, said_so)
    asking.note_answers(context, body.purposes, counted)
    return await get_consent(context, call)


async def put_subscription(context: Context, call: Call) -> None:
    """Store where Web Push reaches the device."""
    device = own_device(call)
    await shopper_of(context, device)
    try:
        subscription, service = context.check_address("webpush", msgspec.to_builtins(call.body))
    except PermanentError:
        raise ProblemError(400, "Not a subscription", _SUBSCRIPTION) from None
    now_ms = context.clock.now_ms()
    address = Address(channel="webpush", app=DEFAULT_APP, service=service, address=subscription, registered_ms=now_ms)
    async with context.db.transaction() as tx:
        await people.set_address(tx, device, address, context.seals)
        await tx.execute("profiles.seen", id=device, seen_ms=now_ms)


_SUBSCRIPTION: Final = (
    "What PushSubscription.toJSON() gives was expected: an https `endpoint`, and `keys` with `p256dh` (65 bytes) and "
    "`auth` (16 bytes) in base64url."
)


async def delete_subscription(context: Context, call: Call) -> None:
    """Forget where Web Push reached the device."""
    async with context.db.transaction() as tx:
        await tx.execute("profiles.delete_address", device=own_device(call), channel="webpush")


async def issue_tag(context: Context, call: Call) -> TagOut:
    """A rotating identity for the device to advertise, once its shopper agreed to be located."""
    device = own_device(call)
    shopper = await shopper_of(context, device)
    if "location" not in await consent.granted(context.db, shopper):
        raise ProblemError(409, "Not agreed", "Ask for the purpose `location` first: PUT /v1/devices/{id}/consent.")
    now_ms = context.clock.now_ms()
    key = secrets.token_bytes(16)
    beacon = Beacon(
        id=f"tag_{device}",
        role="tag",
        format="eid",
        exponent=TAG_EXPONENT,
        counter_s=secrets.randbelow(2**30),
        counter_at_ms=now_ms,
        shopper=shopper,
    )
    async with context.db.transaction() as tx:
        await put_beacon(tx, beacon, key, context.vault)
        await audit(tx, f"device:{device}", "issue tag", beacon.id, now_ms)
    await context.reload([beacon.id], others=False)
    return TagOut(beacon.id, "eid", key.hex(), beacon.exponent, beacon.counter_s, beacon.counter_at_ms)


ENDPOINTS: Final = (
    Endpoint("POST", "/v1/devices", APP, "Register a device", register, DeviceIn, DeviceOut, 201, errors=(429,)),
    Endpoint(
        "GET", "/v1/devices/{device}/consent", DEVICE, "What was agreed", get_consent, result=Consents, errors=(404,)
    ),
    Endpoint(
        "PUT",
        "/v1/devices/{device}/consent",
        DEVICE,
        "Agree or withdraw",
        put_consent,
        ConsentsIn,
        Consents,
        errors=(404,),
    ),
    Endpoint(
        "PUT",
        "/v1/devices/{device}/subscription",
        DEVICE,
        "Set Web Push",
        put_subscription,
        SubscriptionIn,
        errors=(404,),
    ),
    Endpoint("DELETE", "/v1/devices/{device}/subscription", DEVICE, "End Web Push", delete_subscription),
    Endpoint(
        "POST",
        "/v1/devices/{device}/tag",
        DEVICE,
        "Get a rotating identity",
        issue_tag,
        None,
        TagOut,
        201,
        errors=(404, 409),
    ),
)
