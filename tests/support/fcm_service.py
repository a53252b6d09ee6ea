"""FCM and Google's token server on loopback, over TLS: as strict as the real ones, and faulty when told to be."""

import asyncio
import contextlib
import itertools
import re
import ssl
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

import jwt
import msgspec
import trustme
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from push.channels.fcm import FcmSettings
from push.model.ports import Clock

PROJECT: Final = "shop-1"
EMAIL: Final = "sender@shop-1.iam.gserviceaccount.com"
KEY: Final = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM: Final = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
FCM: Final = "https://fcm.googleapis.com"
OAUTH: Final = "https://oauth2.googleapis.com"
TOKEN_URI: Final = f"{OAUTH}/token"
SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
KEY_FILE: Final[dict[str, object]] = {
    "type": "service_account",
    "project_id": PROJECT,
    "private_key_id": "k1",
    "private_key": PEM,
    "client_email": EMAIL,
    "client_id": "1234",
    "auth_uri": "https://accounts.google.com/o/oauth2/auth",
    "token_uri": TOKEN_URI,
    "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
    "client_x509_cert_url": "https://www.googleapis.com/robot/v1/metadata/x509/sender",
    "universe_domain": "googleapis.com",
}
_STATUS: Final = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
_TTL: Final = re.compile(r"\d{1,7}s")
_MAX_TTL_S: Final = 2_419_200


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What goes wrong with one answer. A delayed, dripped or cut one follows a message that was taken all the same."""

    status: int = 200
    code: str = ""
    fields: tuple[str, ...] = ()
    message: str = "Request contains an invalid argument."
    headers: dict[str, str] = {}
    body: bytes | None = None
    delay_s: float = 0.0
    drip_s: float = 0.0
    """Between the head and the body."""
    cut: bytes | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it came in."""

    headers: dict[str, str]
    raw: bytes

    @property
    def message(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self.raw)["message"]
        return found


class FcmService:
    """Both services' state. Faults are used up one a request."""

    def __init__(self, clock: Clock) -> None:
        self.origin = ""
        self.asked: list[Asked] = []
        self.assertions: list[dict[str, Any]] = []
        self.faults: deque[Fault] = deque()
        self.token_faults: deque[Fault] = deque()
        self.expires_in = 3600
        self.granted: set[str] = set()
        self.gone: set[str] = set()
        self.ca_file = ""
        self._clock = clock
        self._number = itertools.count(1)

    def settings(self, **changes: Any) -> FcmSettings:  # noqa: ANN401 - fields of any type
        """How to reach this one under Google's names."""
        overrides = {FCM: self.origin, OAUTH: self.origin}
        fixed: dict[str, Any] = {"origin_overrides": overrides, "ca_file": self.ca_file, "timeout_s": 5.0}
        return FcmSettings(**{**fixed, **changes})

    def revoke(self) -> None:
        """Refuse every access token that was granted until now."""
        self.granted.clear()

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/token", self._token)
        app.router.add_post("/v1/projects/{project}/messages:send", self._send)
        return app

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = parse_qs(await request.text())
        try:
            claims = self._verified(form["assertion"][0])
            assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        except (jwt.InvalidTokenError, AssertionError, KeyError):
            return web.json_response({"error": "invalid_grant", "error_description": "Invalid JWT"}, status=400)
        self.assertions.append(claims)
        token = f"ya29.{next(self._number)}"
        self.granted.add(token)
        granted = {"access_token": token, "expires_in": self.expires_in, "token_type": "Bearer"}
        return await self._answer(request, self.token_faults, granted)

    def _verified(self, assertion: str) -> dict[str, Any]:
        assert jwt.get_unverified_header(assertion)["kid"] == "k1"
        options: jwt.types.Options = {"verify_exp": False, "verify_iat": False}
        claims: dict[str, Any] = jwt.decode(
            assertion, KEY.public_key(), algorithms=["RS256"], audience=TOKEN_URI, issuer=EMAIL, options=options
        )
        now_s = self._clock.now_ms() / 1000
        assert claims["iat"] <= now_s < claims["exp"] <= claims["iat"] + 3600
        assert claims["scope"] == SCOPE
        return claims

    async def _send(self, request: web.Request) -> web.StreamResponse:
        asked = Asked(headers=dict(request.headers), raw=await request.read())
        self.asked.append(asked)
        if asked.headers.get("Authorization", "").removeprefix("Bearer ") not in self.granted:
            return _refused(Fault(status=401, message="Request had invalid authentication credentials."))
        if request.match_info["project"] != PROJECT:
            return _refused(Fault(status=404, message="Requested entity was not found."))
        refused = _malformed(asked.message) or self._unknown(asked.message)
        if refused is not None and not self.faults:
            return _refused(refused)
        return await self._answer(
            request, self.faults, {"name": f"projects/{PROJECT}/messages/0:{next(self._number)}%1"}
        )

    def _unknown(self, message: dict[str, Any]) -> Fault | None:
        target = message.get("token") or message["fid"]
        if "token" in message and ":" not in target:
            return Fault(status=400, code="INVALID_ARGUMENT", fields=("message.token",))
        return Fault(status=404, code="UNREGISTERED") if target in self.gone else None

    async def _answer(self, request: web.Request, faults: deque[Fault], good: dict[str, Any]) -> web.StreamResponse:
        fault = faults.popleft() if faults else Fault()
        await asyncio.sleep(fault.delay_s)
        if fault.cut is not None:
            assert request.transport
            request.transport.write(fault.cut)
            request.transport.close()
        if fault.drip_s:
            return await _dripped(request, fault)
        if fault.body is not None:
            return web.Response(status=fault.status, headers=fault.headers, body=fault.body)
        if fault.status != 200:
            return _refused(fault)
        return web.json_response(good)


async def _dripped(request: web.Request, fault: Fault) -> web.StreamResponse:
    response = web.StreamResponse(status=fault.status)
    await response.prepare(request)
    await response.write(b"{")
    await asyncio.sleep(fault.drip_s)
    return response


def _refused(fault: Fault) -> web.Response:
    """As the documentation has it: the code and the fields among the details."""
    details: list[dict[str, Any]] = []
    if fault.code:
        details.append({"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": fault.code})
    if fault.fields:
        violations = [{"field": field, "description": "Invalid"} for field in fault.fields]
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations})
    status = _STATUS.get(fault.status, "INTERNAL")
    error = {"code": fault.status, "message": fault.message, "status": status, "details": details}
    return web.json_response({"error": error}, status=fault.status, headers=fault.headers)


def _malformed(message: dict[str, Any]) -> Fault | None:
    """What the reference of `projects.messages` asks for; nothing else may be in it."""
    targets = [name for name in ("token", "fid", "topic", "condition") if name in message]
    data, ttl = message.get("data", {}), message.get("android", {}).get("ttl", "0s")
    wrong = {
        "message": len(targets) != 1,
        "message.data": not all(isinstance(value, str) for value in data.values()),
        "message.data.key": any(k == "from" or k.startswith(("google", "gcm")) for k in data),
        "message.android.ttl": not _TTL.fullmatch(ttl) or int(ttl[:-1]) > _MAX_TTL_S,
    }
    fields = tuple(field for field, is_wrong in wrong.items() if is_wrong)
    return Fault(status=400, code="INVALID_ARGUMENT", fields=fields) if fields else None


@contextlib.asynccontextmanager
async def serving(folder: Path, clock: Clock) -> AsyncIterator[FcmService]:
    """Serve on loopback under an authority of its own, whose certificate is put into `folder`."""
    service = FcmService(clock)
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    service.ca_file = str(folder / "ca.pem")
    authority.cert_pem.write_to_path(service.ca_file)
    runner = web.AppRunner(service.app(), shutdown_timeout=0.2, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        service.origin = f"https://127.0.0.1:{runner.addresses[0][1]}"
        yield service
    finally:
        await runner.cleanup()
