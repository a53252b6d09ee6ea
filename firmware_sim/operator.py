"""The server's API as retail operations use it: write the registry, read what happened."""

from typing import Any

import aiohttp
import msgspec


class OperatorError(RuntimeError):
    """The server refused a call, and says why, or did not answer."""


class Operator:
    """Calls with an operator's token."""

    def __init__(self, http: aiohttp.ClientSession, base: str, token: str) -> None:
        self._http = http
        self._base = base
        self._headers = {"Authorization": f"Bearer {token}"}

    async def get(self, path: str) -> Any:  # noqa: ANN401 - JSON of any shape
        """The JSON at a path. Raises `OperatorError`."""
        return await self._call("GET", path, None)

    async def put(self, path: str, body: object) -> Any:  # noqa: ANN401 - JSON of any shape
        """Put a value; the server's answer. Raises `OperatorError`."""
        return await self._call("PUT", path, msgspec.json.encode(body))

    async def post(self, path: str, body: object) -> Any:  # noqa: ANN401 - JSON of any shape
        """Post a value; the server's answer. Raises `OperatorError`."""
        return await self._call("POST", path, msgspec.json.encode(body))

    async def deliveries(self) -> list[dict[str, Any]]:
        """Every delivery, page by page. Raises `OperatorError`."""
        found: list[dict[str, Any]] = []
        page: list[dict[str, Any]] = await self.get("/v1/deliveries")
        while page:
            found += page
            page = await self.get(f"/v1/deliveries?after={page[-1]['decided_ms']}.{page[-1]['id']}")
        return found

    async def _call(self, method: str, path: str, body: bytes | None) -> Any:  # noqa: ANN401
        try:
            async with self._http.request(method, self._base + path, data=body, headers=self._headers) as response:
                raw = await response.read()
        except aiohttp.ClientError as error:
            raise OperatorError(f"{method} {path}: no answer from {self._base}: {error}") from None
        if not response.ok:
            raise OperatorError(f"{method} {path}: {response.status} {raw.decode(errors='replace')[:500]}")
        return msgspec.json.decode(raw) if raw else None
