"""Argon2id password hashes, off the event loop, two at a time."""

import anyio
import anyio.to_thread
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

# OWASP Password Storage Cheat Sheet: Argon2id with 19 MiB, two passes, one lane. About 20 ms.
_HASHER = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19456, parallelism=1),))


class Passwords:
    def __init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(2)
        self._decoy = _HASHER.hash("no account has this password")

    async def hash(self, password: str) -> str:
        return await anyio.to_thread.run_sync(_HASHER.hash, password, limiter=self._limiter)

    async def verify(self, password: str, stored: str | None) -> bool:
        """True when the password fits. With no stored hash the same work is done and the answer is False,
        so that the time taken does not tell whether an account exists."""

        def check() -> bool:
            try:
                return _HASHER.verify(password, self._decoy if stored is None else stored) and stored is not None
            except UnknownHashError:
                return False

        return await anyio.to_thread.run_sync(check, limiter=self._limiter)
