"""How gateways enrol: a code for whoever stands beside the box, and what the box gets for it."""

from typing import Annotated, Final, Literal

import msgspec
from aiohttp import hdrs

from push.access.totp import qr_svg
from push.api.contract import NOBODY, OPERATOR, Call, Context, Endpoint, ProblemError
from push.enrolment import gateways
from push.enrolment.authority import RequestError, read_request
from push.enrolment.gateways import Asking, BadCodeError, Enrolment, Place
from push.enrolment.limits import TooManyError, at_address
from push.enrolment.site import host_of, named
from push.model.remote import RemoteSettings
from push.registry import remote


class CodeOut(msgspec.Struct, frozen=True):
    """A one-time code, shown this once: to be typed, opened or scanned (`qr` is an SVG element of `url`)."""

    code: str
    url: str
    qr: str
    expires_ms: int


class EnrolIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A box with a code: `csr` is a certificate request (PKCS #10) as PEM, by a key that stays on the box."""

    code: Annotated[str, msgspec.Meta(max_length=64)]
    csr: Annotated[str, msgspec.Meta(max_length=16_384)]
    version: Annotated[str, msgspec.Meta(max_length=200)] = ""
    host: Annotated[str, msgspec.Meta(max_length=255)] = ""


class EnrolOut(msgspec.Struct, frozen=True):
    """What makes a box a gateway; secret and password are shown this once.

    `ca` is whom to trust as broker where no public authority signed for it, `certificate` the gateway's own, where
    brokers ask for one. `config` is what is set for it remotely, until the broker tells the rest.
    """

    gateway: str
    store: str
    secret: str
    brokers: tuple[str, ...]
    username: str
    password: str
    ca: str | None
    certificate: str | None
    config: RemoteSettings


class GatewayState(Enrolment, frozen=True, kw_only=True):
    """How a gateway's enrolment stands, and what its certificate is for."""

    client_certificates: Literal["none", "own"]


def asked_host(call: Call) -> str:
    """By which name the caller reached us; made harmless."""
    return named(call.headers.get(hdrs.HOST, ""))


def _place(call: Call) -> Place:
    return Place(call.path["store"], call.path["id"])


async def _state(context: Context, call: Call) -> Enrolment:
    """Raises `ProblemError` 404."""
    place = _place(call)
    found = await gateways.state_of(context.db, place.store, place.gateway, context.clock.now_ms())
    if found is None:
        raise ProblemError(404, "Not there", f"There is no gateway {place.gateway} in store {place.store}.")
    return found


async def make_code(context: Context, call: Call) -> CodeOut:
    """A one-time code for a registered gateway; the one before ends."""
    await _state(context, call)
    now_ms = context.clock.now_ms()
    async with context.db.transaction() as tx:
        made = await gateways.make_code(tx, _place(call), call.actor, now_ms, context.site.code_ms)
    url = context.site.enrol_url(made.code, asked_host(call))
    return CodeOut(made.code, url, qr_svg(url), made.expires_ms)


async def get_state(context: Context, call: Call) -> GatewayState:
    """How a gateway's enrolment stands."""
    found = await _state(context, call)
    asked: Literal["none", "own"] = "none" if context.site.signer is None else "own"
    return GatewayState(**msgspec.structs.asdict(found), client_certificates=asked)


async def revoke(context: Context, call: Call) -> None:
    """End a gateway's secret and login at once; its place in the registry stays."""
    await _state(context, call)
    async with context.db.transaction() as tx:
        await gateways.revoke(tx, _place(call), context.vault, call.actor, context.clock.now_ms())
    await context.reload()


async def enrol(context: Context, call: Call) -> EnrolOut:
    """Use a code up: the box becomes the gateway. When it is answered, the broker lets the gateway in."""
    body: EnrolIn = call.body
    site, now_ms = context.site, context.clock.now_ms()
    try:
        request = read_request(body.csr)
    except RequestError as error:
        raise ProblemError(400, "Does not fit", f"`csr`: {error} was expected.") from None
    try:
        site.limits.attempt(at_address(call.peer.remote), now_ms)
        async with context.db.transaction() as tx:
            asking = Asking(body.code, request, body.version, body.host)
            made = await gateways.enrol(tx, asking, context.vault, site.signer, now_ms)
            settings = (await remote.load(tx)).of(made.store, made.gateway)
    except TooManyError as error:
        detail = "Too many codes were wrong. Try again later."
        raise ProblemError(429, "Too often", detail, {"Retry-After": str(error.after_s)}) from None
    except BadCodeError:
        raise ProblemError(401, "No such code", _NO_CODE, {hdrs.WWW_AUTHENTICATE: "Bearer"}) from None
    site.limits.passed(at_address(call.peer.remote))
    await context.reload()
    return EnrolOut(
        made.gateway,
        made.store,
        made.secret,
        site.brokers(host_of(asked_host(call))),
        made.gateway,
        made.password,
        site.broker_ca,
        made.certificate,
        settings,
    )


_NO_CODE: Final = "The code is wrong, was used, or has expired. Ask for a new one: each is good once."


_CODE: Final = "/v1/stores/{store}/gateways/{id}/code"
_ENROLMENT: Final = "/v1/stores/{store}/gateways/{id}/enrolment"
ENDPOINTS: Final = (
    Endpoint(
        "POST", _CODE, OPERATOR, "Make a gateway's one-time code", make_code, result=CodeOut, status=201,
        errors=(404,), role="editor", reach="store",
    ),
    Endpoint(
        "GET", _ENROLMENT, OPERATOR, "How a gateway's enrolment stands", get_state, result=GatewayState,
        errors=(404,), role="viewer", reach="store",
    ),
    Endpoint(
        "DELETE", _ENROLMENT, OPERATOR, "Revoke a gateway's secret and login", revoke, errors=(404,), role="editor",
        reach="store",
    ),
    Endpoint("POST", "/v1/enrol", NOBODY, "Enrol with a one-time code", enrol, EnrolIn, EnrolOut, errors=(401, 429)),
)  # fmt: skip
