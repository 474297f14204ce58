"""Argon2id password hashes, off the event loop, two at a time; no more wait than can be served soon."""

from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from venmo_api.core.errors import Unavailable

# OWASP Password Storage Cheat Sheet: Argon2id with 19 MiB, two passes, one lane. About 20 ms.
_HASHER = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19456, parallelism=1),))
WAITING_MOST = 256
"""About three seconds of work: a flood is told at once to come back, instead of keeping everybody waiting."""
T = TypeVar("T")


class Passwords:
    """Each call raises Unavailable, without any work, when as many wait as may wait."""

    def __init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(2)
        self._decoy = _HASHER.hash("no account has this password")

    async def hash(self, password: str) -> str:
        return await self._in_turn(lambda: _HASHER.hash(password))

    async def verify(self, password: str, stored: str | None) -> bool:
        """True when the password fits. With no stored hash the same work is done and the answer is False,
        so that the time taken does not tell whether an account exists."""

        def check() -> bool:
            try:
                return _HASHER.verify(password, self._decoy if stored is None else stored) and stored is not None
            except UnknownHashError:
                return False

        return await self._in_turn(check)

    async def _in_turn(self, work: Callable[[], T]) -> T:
        if self._limiter.statistics().tasks_waiting >= WAITING_MOST:
            raise Unavailable("Too many people are signing in at this moment; try again shortly.")
        return await anyio.to_thread.run_sync(work, limiter=self._limiter)
