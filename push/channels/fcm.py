"""FCM: Firebase Cloud Messaging's HTTP v1 API, to Android, iOS and browsers.

The provider reads what it carries. In private mode, the default, it gets a general text and two ids, and the app
fetches the message; in full mode, all of it. Either way the collapse key goes hashed, and nothing says which campaign.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import Annotated, Any, Final

import aiohttp
import msgspec

from push.channels import fcm_wire as wire
from push.channels import http
from push.channels.credentials import of_app, read
from push.channels.fcm_payload import Form, address_of
from push.channels.oauth import ServiceAccount, Spawn, Tokens, key_of
from push.channels.posting import Answer, Place, Places, post
from push.model.delivery import Accepted, Checked, Outgoing, Part
from push.model.errors import (
    BusyError,
    CredentialError,
    DeliveryError,
    DeviceGoneError,
    OutcomeUnknownError,
    PermanentError,
    TransientError,
)
from push.model.ports import Clock

# --- settings ---------------------------------------------------------------------------------------------------------


class FcmSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to reach FCM. Apps and their credentials come through the API."""

    base_url: Annotated[str, msgspec.Meta(pattern="^https://.")] = "https://fcm.googleapis.com"
    timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    connect_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 5.0
    connections: Annotated[int, msgspec.Meta(ge=1)] = 64
    allow_private_hosts: bool = False
    """Whether FCM and token servers may lie at a loopback, private or link-local address: only with an own relay."""
    ca_file: str | None = None
    """Certificate authorities, as PEM, to trust besides the system's: with an own relay."""
    origin_overrides: dict[str, str] = {}
    """Origins of FCM and of token servers, and where to send instead. They may be plain HTTP, and private."""


class FcmCredential(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An app's Firebase project. `service_account` is the key file as Google gives it, whole."""

    service_account: ServiceAccount
    private: bool = True
    """Whether the provider gets `generic_title` and `generic_body` instead of the message."""
    generic_title: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] = "A message for you"
    generic_body: Annotated[str, msgspec.Meta(max_length=300)] = "Tap to read it"


# --- payload ----------------------------------------------------------------------------------------------------------

_FULL: Final = Form(None, b"")


def form(credential: FcmCredential) -> Form:
    """How an app's messages look. Collapse keys are hashed under the private key, which the provider does not have."""
    generic = wire.Notification(credential.generic_title, credential.generic_body) if credential.private else None
    return Form(generic, hashlib.blake2b(credential.service_account.private_key.encode()).digest())


# --- client -----------------------------------------------------------------------------------------------------------

_SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
_DRY_RUN: Final = msgspec.json.encode(
    {"validate_only": True, "message": {"token": "footfall-dry-run", "notification": {"title": "?", "body": "?"}}}
)
"""To a registration token that nobody can have: real ones are longer, and have a colon."""


class App:
    """One app's project: its form, and its access token."""

    def __init__(self, credential: FcmCredential, place: Place, tokens: Tokens) -> None:
        self.credential = credential
        self.form = form(credential)
        self._place = place
        self._tokens = tokens
        self._keeper: asyncio.Task[None] | None = None

    def start(self, spawn: Spawn) -> None:
        """Have an access token ready from now on."""
        self._keeper = spawn(self._tokens.keep())

    def stop(self) -> None:
        """Let it end; whoever is sending gets what is needed."""
        if self._keeper is not None:
            self._keeper.cancel()

    async def post(self, body: bytes) -> Answer:
        """Send; an access token that is refused is replaced, once. Raises `TransientError`."""
        token = await self._tokens.get()
        answer = await post(self._place, body, token.headers)
        if answer.status == _UNAUTHENTICATED and not _blames_third_party(answer):
            self._tokens.drop(token)
            answer = await post(self._place, body, (await self._tokens.get()).headers)
        return answer


class Fcm:
    """The channel. Made by `connect`, which closes what it opens.

    An address is ``{"token"}`` or ``{"fid"}``, a credential an `FcmCredential`.
    """

    name = "fcm"

    def __init__(self, settings: FcmSettings, places: Places, clock: Clock) -> None:
        """Take where requests go. Raises ValueError: `base_url` is no URL."""
        self._base = settings.base_url.rstrip("/")
        self._places = places
        self._clock = clock
        self._apps: dict[str, App] = {}
        self._running: set[asyncio.Task[Any]] = set()
        places.find(self._base)

    def check_address(self, address: Mapping[str, object]) -> dict[str, object]:
        """The address, whichever of the two it is. Raises `PermanentError`: one that can never work."""
        return address_of(address).spelled

    def fit(self, outgoing: Outgoing) -> tuple[Part, ...]:
        """What would be dropped; without a credential for its app, in full mode. Raises `TooLargeError`."""
        app = self._apps.get(outgoing.app)
        return (app.form if app is not None else _FULL).fit(outgoing)

    async def check(self, app: str, credential: Mapping[str, object]) -> Checked:
        """Get an access token, and have a message to nobody validated. Raises `push.model.errors.DeliveryError`."""
        del app
        known = read(credential, FcmCredential)
        account = known.service_account
        if await asyncio.to_thread(key_of, account) is None:
            raise _bad("private_key", "an unencrypted RSA private key of at least 2048 bits as PEM")
        answer = await self._app(known).post(_DRY_RUN)
        _check_dry_run(answer, self._clock.now_ms())
        return Checked(summary=f"project {account.project_id}, service account {account.client_email}")

    def use(self, credentials: Mapping[str, Mapping[str, object]]) -> None:
        """Send with these from now on; what is on its way ends as it began. Raises `PermanentError`: as it was."""
        known = {app: read(credential, FcmCredential) for app, credential in credentials.items()}
        apps = {app: self._kept(app, credential) or self._app(credential) for app, credential in known.items()}
        before, after = set(self._apps.values()), set(apps.values())
        self._apps = apps
        for app in before - after:
            app.stop()
        for app in after - before:
            app.start(self._spawn)

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Post to one device. Raises `push.model.errors.DeliveryError`."""
        app = of_app(self._apps, outgoing.app)
        name = _sent(await app.post(app.form.encode(outgoing)), outgoing.now_ms)
        return Accepted(status=_OK, reference=name, dropped=app.form.dropped(outgoing.message.content))

    async def close(self) -> None:
        """End what runs in the background."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _kept(self, name: str, credential: FcmCredential) -> App | None:
        """The app as it is, where nothing changed: it has its access token."""
        app = self._apps.get(name)
        return app if app is not None and app.credential == credential else None

    def _app(self, credential: FcmCredential) -> App:
        account = credential.service_account
        try:
            token_place = self._places.find(account.token_uri)
        except ValueError:
            raise _bad("token_uri", "an https URL") from None
        tokens = Tokens(account, _SCOPE, token_place, self._clock, self._spawn)
        place = self._places.find(f"{self._base}/v1/projects/{account.project_id}/messages:send")
        return App(credential, place, tokens)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task


@contextlib.asynccontextmanager
async def connect(settings: FcmSettings, clock: Clock) -> AsyncIterator[Fcm]:
    """The channel, with its connections for as long as the context lasts.

    Raises OSError: no such `ca_file`; ValueError: `base_url` or an overridden origin is none.
    """
    tls = http.shared_trust(settings.ca_file)

    def session(*, public_only: bool) -> aiohttp.ClientSession:
        return http.session(
            tls,
            per_host=settings.connections,
            timeout_s=settings.timeout_s,
            connect_timeout_s=settings.connect_timeout_s,
            public_only=public_only,
        )

    async with (
        session(public_only=not settings.allow_private_hosts) as public,
        session(public_only=False) as overridden,
    ):
        fcm = Fcm(settings, Places(public, overridden, settings.origin_overrides), clock)
        try:
            yield fcm
        finally:
            await fcm.close()


# --- errors -----------------------------------------------------------------------------------------------------------

_OK: Final = 200
_UNAUTHENTICATED: Final = 401
_QUOTA: Final = 429
_UNAVAILABLE: Final = 503
_LATER: Final = frozenset({408, _QUOTA})  # to be read like a 5xx
_QUOTA_WAIT_MS: Final = 60_000
"""What FCM asks for where it answers 429 and does not say how long."""
_THIRD_PARTY: Final = frozenset({"THIRD_PARTY_AUTH_ERROR", "APNS_AUTH_ERROR"})
_NOBODY: Final = frozenset({"bad_token", "request_refused", "sender_id_mismatch", "unregistered"})


def _sent(answer: Answer, now_ms: int) -> str:
    """FCM's name for the message. Raises `DeliveryError`."""
    if answer.status // 100 != 2:  # noqa: PLR2004 - the class of HTTP statuses
        raise _refused(answer, now_ms)
    sent = wire.sent(answer.body)
    if sent is None:
        raise OutcomeUnknownError("answer_not_understood", status=answer.status)
    return sent.name


def _refused(answer: Answer, now_ms: int) -> DeliveryError:
    """FCM's ErrorCode reference says what each code means; a busy service may answer with a page of its own."""
    status = answer.status
    if status in _LATER or status >= 500:  # noqa: PLR2004 - the class of HTTP statuses
        return _later(answer, now_ms)
    if status == _UNAUTHENTICATED:
        return CredentialError("third_party_auth" if _blames_third_party(answer) else "unauthenticated", status=status)
    if status // 100 == 3:  # noqa: PLR2004 - the class of HTTP statuses
        return PermanentError("redirect_refused", status=status)
    error = wire.refused(answer.body)
    return TransientError("answer_not_understood", status=status) if error is None else _final(status, error)


def _later(answer: Answer, now_ms: int) -> TransientError:
    status, wait_ms = answer.status, http.retry_after_ms(answer.headers, now_ms)
    if status == _QUOTA:
        wait_ms = _QUOTA_WAIT_MS if wait_ms is None else wait_ms
        return BusyError("quota_exceeded", status=status, retry_after_ms=wait_ms)
    if status == _UNAVAILABLE:
        return BusyError("service_unavailable", status=status, retry_after_ms=wait_ms)
    return TransientError("service_failed", status=status, retry_after_ms=wait_ms)


def _final(status: int, error: wire.Error) -> DeliveryError:
    """A 404 without FCM's own code is no word about the device: a wrong project or path looks the same."""
    match status, error.code:
        case 404, "UNREGISTERED":
            return DeviceGoneError("unregistered", status=status)
        case 404, _:
            return PermanentError("not_found", status=status)
        case 403, "SENDER_ID_MISMATCH":  # the token is of another project's app
            return PermanentError("sender_id_mismatch", status=status)
        case 403, _:
            return CredentialError("permission_denied", status=status)
        case 400, "INVALID_ARGUMENT" if error.blames_target:
            return DeviceGoneError("bad_token", status=status)
    return PermanentError("request_refused", status=status)


def _blames_third_party(answer: Answer) -> bool:
    """Whether it is the project's own credential for APNs or Web Push that was refused: not our access token."""
    error = wire.refused(answer.body)
    return error is not None and error.code in _THIRD_PARTY


def _check_dry_run(answer: Answer, now_ms: int) -> None:
    """That the device alone was refused says that who we are was found good. Raises `DeliveryError`."""
    try:
        _sent(answer, now_ms)
    except PermanentError as failed:
        if failed.reason == "not_found":
            raise CredentialError("project_not_found", status=failed.status) from None
        if failed.reason not in _NOBODY:
            raise


def _bad(field: str, expected: str) -> PermanentError:
    return PermanentError(f"bad_credential: expected {expected} - at `$.service_account.{field}`")
