"""A server that people's doings are told to, by a back end and by apps; and a back end's tokens for its customers."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from push.model.people import Purpose
from push.profiles.collect.proof import UserTokenSettings
from push.profiles.settings import ProfileSettings
from tests.support.servers import Answer, Caller, serving, settings

CATEGORIES: Final[Mapping[str, tuple[Purpose, ...]]] = {"Functional": ("profiling",), "Advertising": ("marketing",)}
AGREED: Final = {"consent": {"categoryPreferences": {"Functional": True}}}
REFUSED: Final = {"consent": {"categoryPreferences": {"Functional": False}}}
ISSUER: Final = "https://shop.example"
AUDIENCE: Final = "footfall"


def signed(signer: Ed25519PrivateKey, user: str, **claims: Any) -> str:  # noqa: ANN401 - JSON
    """What a back end gives to a page where this customer is logged in."""
    now_s = int(time.time())
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": user, "iat": now_s, "exp": now_s + 3600, **claims}
    return jwt.encode(said, signer, algorithm="EdDSA", headers={"kid": "shop"})


def signing(folder: Path) -> tuple[Ed25519PrivateKey, UserTokenSettings]:
    """What signs tokens for customers, and what the server is told of it; the folder keeps its public key."""
    signer = Ed25519PrivateKey.generate()
    key = folder / "shop.pem"
    key.write_bytes(signer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return signer, UserTokenSettings(keys=(str(key),), issuer=ISSUER, audience=AUDIENCE)


class Shop:
    """A running server, a key of a back end, and what signs tokens for customers."""

    def __init__(self, server: Caller, back_end: str, signer: Ed25519PrivateKey) -> None:
        self.server = server
        self.back_end = back_end
        self._signer = signer

    async def say(self, path: str, body: object, key: str | None = None, **headers: str) -> dict[str, Any]:
        """Say something, as the back end unless another key is given; the answer to a call that must succeed."""
        answer = await self.call(path, body, key, **headers)
        assert answer.status == 200, answer
        return dict(answer.json)

    async def call(self, path: str, body: object, key: str | None = None, **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.server.call("POST", f"/v1/{path}", key or self.back_end, body, headers=sent)

    async def find(self, kind: str, value: str) -> str | None:
        """The person who is known by something."""
        answer = await self.server.call("POST", "/v1/people/find", self.server.operator, {"kind": kind, "value": value})
        return answer.json["person"] if answer.status == 200 else None

    async def profile(self, kind: str, value: str) -> dict[str, Any]:
        """Her profile."""
        person = await self.find(kind, value)
        assert person is not None
        return dict(await self.server.operate("GET", f"/v1/people/{person}"))

    async def events(self, kind: str, value: str) -> list[dict[str, Any]]:
        """What was said of her, the newest first."""
        found: list[dict[str, Any]] = []
        path = f"/v1/people/{await self.find(kind, value)}/events?limit=50"
        after = ""
        while True:
            page = await self.server.operate("GET", path + after)
            found += page["items"]
            if page["after"] is None:
                return found
            after = f"&after={page['after']}"

    async def names(self, kind: str, value: str) -> list[str]:
        """The names of what she did, the oldest first."""
        return [one["name"] for one in reversed(await self.events(kind, value)) if one["kind"] == "track"]

    def token(self, user: str, **claims: Any) -> str:  # noqa: ANN401 - JSON
        """What the back end gives to a page where this customer is logged in."""
        return signed(self._signer, user, **claims)


@asynccontextmanager
async def collecting(folder: Path, database_url: str = "", **changes: Any) -> AsyncIterator[Shop]:  # noqa: ANN401 - settings of any type
    """A server that asks nobody's age, with a back end that has a key."""
    signer, user_tokens = signing(folder)
    profiles = ProfileSettings(
        **{
            "minimum_age": 0,
            "consent_categories": dict(CATEGORIES),
            "user_tokens": user_tokens,
            **changes,
        }
    )
    async with serving(settings(folder / "data", database_url=database_url, profiles=profiles)) as server:
        made = await server.operate("POST", "/v1/tokens", {"scope": "collector", "subject": "shop"})
        yield Shop(server, made["token"], signer)
