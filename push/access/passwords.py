"""Passwords: what they must be, and how they are kept.

Length is what counts, nothing is asked about kinds of characters, and no password ends by its age (NIST SP 800-63B-4,
section 3.1.1.2). They are kept as argon2id with OWASP's parameters (Password Storage Cheat Sheet: 19 MiB, two passes,
one lane).
"""

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from push.access.errors import RefusedError
from push.model.errors import OverloadedError

T = TypeVar("T")
SHORTEST: Final = 12
LONGEST: Final = 256
"""What is longer only costs time to hash; a passphrase of forty words fits."""
SHORTEST_WORD: Final = 3
"""A login of one letter stands in most passwords."""
AT_ONCE: Final = 2
"""Each takes 19 MiB and a core for some 20 ms."""
MOST_WAITING: Final = 100
_WORDS: Final = "abcdefghjkmnpqrstuvwxyz23456789"


def normal(password: str) -> str:
    """The same password however a keyboard spells it: NFKC, as the same section asks."""
    return unicodedata.normalize("NFKC", password)


def require(password: str, login: str) -> None:
    """Raises `RefusedError` that says what is wrong with a new password."""
    plain = normal(password)
    if not SHORTEST <= len(plain) <= LONGEST:
        raise RefusedError(f"A password of {SHORTEST} to {LONGEST} characters was expected; a few words are best.")
    if len(login) >= SHORTEST_WORD and login.casefold() in plain.casefold():
        raise RefusedError("A password that does not contain the login was expected.")
    if len(set(plain)) < SHORTEST // 2:
        raise RefusedError("A password that does not repeat the same few characters was expected.")


def one_time() -> str:
    """A password to be told over the phone and changed at the next login: 99 random bits."""
    return "-".join("".join(secrets.choice(_WORDS) for _ in range(5)) for _ in range(4))


class Hasher:
    """Hashes and verifies in threads of its own, few at once, so that a flood of logins costs neither memory nor loop.

    Made off the loop: it makes the hash that stands for nobody's password.
    """

    def __init__(self) -> None:
        self._argon2 = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._threads = ThreadPoolExecutor(AT_ONCE, "argon2")
        self._waiting = 0
        self._nobodys = self._argon2.hash(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        """An encoded hash. Raises `OverloadedError`."""
        return await self._run(lambda: self._argon2.hash(_bytes(password)))

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Whether the password is the hash's. Without one it takes as long, and is not. Raises `OverloadedError`."""
        fits = await self._run(lambda: self._fits(encoded or self._nobodys, password[: LONGEST + 1]))
        return fits and encoded is not None

    def is_old(self, encoded: str) -> bool:
        """Whether it was made with other parameters than are used now."""
        return self._argon2.check_needs_rehash(encoded)

    def close(self) -> None:
        """End the threads; what waits is given up."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= MOST_WAITING:
            raise OverloadedError("logins")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1

    def _fits(self, encoded: str, password: str) -> bool:
        try:
            return self._argon2.verify(encoded, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False


def _bytes(password: str) -> bytes:
    return normal(password).encode(errors="surrogatepass")
