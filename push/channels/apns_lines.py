"""What the apps of one key share: its provider token, and for each host the connections that know it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple

from push.channels.apns_token import ProviderToken, key_from_pem
from push.channels.http2_pool import Pool
from push.model.errors import PermanentError


class Signer(NamedTuple):
    """Who signs provider tokens, told apart by the key itself, too: a wrong one that is tried must not replace it."""

    team_id: str
    key_id: str
    fingerprint: bytes


class Where(NamedTuple):
    """Which connections a credential needs: APNs takes tokens of one key on each (UnrelatedKeyIdInToken)."""

    signer: Signer
    host: str


class Line(NamedTuple):
    """Whose token, over which connections."""

    token: ProviderToken
    pool: Pool


class Lines:
    """Those in use; others are closed when the last answer has come."""

    def __init__(self, pool: Callable[[str], Pool]) -> None:
        """Take what makes connections to a host."""
        self._pool = pool
        self._lines: dict[Where, Line] = {}
        self._retired: list[Pool] = []

    def open(self, where: Where, private_key: str) -> Line:
        """A line beside those in use, to be closed by the caller. Raises `PermanentError`."""
        return Line(self._tokens().get(where.signer) or _token(where.signer, private_key), self._pool(where.host))

    def keep(self, wanted: Mapping[Where, str]) -> dict[Where, Line]:
        """Have these in use from now on, with their private keys. Raises `PermanentError`: nothing changes."""
        tokens = self._tokens()
        for where, private_key in wanted.items():
            tokens.setdefault(where.signer, tokens.get(where.signer) or _token(where.signer, private_key))
        before = self._lines
        self._lines = {
            where: before.get(where) or Line(tokens[where.signer], self._pool(where.host)) for where in wanted
        }
        self._retire([line.pool for where, line in before.items() if where not in wanted])
        return self._lines

    async def close(self) -> None:
        """Close all connections."""
        pools = [*self._retired, *(line.pool for line in self._lines.values())]
        await asyncio.gather(*(pool.close() for pool in pools))

    def _tokens(self) -> dict[Signer, ProviderToken]:
        return {where.signer: line.token for where, line in self._lines.items()}

    def _retire(self, pools: list[Pool]) -> None:
        for pool in pools:
            pool.retire()
        self._retired = [pool for pool in (*self._retired, *pools) if not pool.idle]


def _token(signer: Signer, private_key: str) -> ProviderToken:
    key = key_from_pem(private_key)
    if key is None:
        raise PermanentError(
            "bad_credential: expected an unencrypted P-256 private key as PEM (.p8) - at `$.private_key`"
        )
    return ProviderToken(key, signer.team_id, signer.key_id)
