"""Argon2id password hashes, off the event loop, two at a time; no more wait than can be served soon."""

from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from venmo_api.core.errors import Unavailable

# OWASP Password Storage Cheat Sheet: Argon2id with 19 MiB, two passes, one lane. About 20 ms.
_ARGON = Argon2Hasher(time_cost=2, memory_cost=19456, parallelism=1)
_HASHER = PasswordHash((_ARGON,))
_COMMON = frozenset(FREQUENCY_LISTS["passwords"])
AT_ONCE = 2
T = TypeVar("T")


class Passwords:
    """Each hash raises Unavailable, without any work, when ``waiting_most`` wait already: a flood is told at once to
    come back, instead of keeping everybody waiting for more than about three seconds."""

    def __init__(self, *, waiting_most: int = 256) -> None:
        self._waiting_most = waiting_most
        self._present = 0
        self._limiter = anyio.CapacityLimiter(AT_ONCE)
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

    def is_outdated(self, stored: str) -> bool:
        """Whether a hash was made with other parameters than are used now."""
        return not _ARGON.identify(stored) or _ARGON.check_needs_rehash(stored)

    def is_common(self, password: str) -> bool:
        """Whether it is, in any case, among the 30,000 passwords found most often in what was stolen elsewhere."""
        return password.casefold() in _COMMON

    async def _in_turn(self, work: Callable[[], T]) -> T:
        if self._present >= AT_ONCE + self._waiting_most:
            raise Unavailable("Too many people are signing in at this moment; try again shortly.")
        self._present += 1
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._limiter)
        finally:
            self._present -= 1
