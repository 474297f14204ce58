"""The keys in memory: wrapped by KMS at rest, unwrapped once a process, rotated while the service runs.

A person's key is wrapped by the current wrapping key; rotation wraps it anew and leaves what it sealed alone. A new key
is announced before it counts, so that no process meets one it does not know.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Final, get_args
from uuid import UUID

import structlog

from venmo_api.adapters.keys import KeyAway, Keys, KeyStands, Purpose, WrappedKey
from venmo_api.adapters.kms import Kms, KmsAway, KmsRefused
from venmo_api.adapters.postgres import Database
from venmo_api.core.clock import Clock
from venmo_api.crypto import envelope, queries
from venmo_api.crypto.envelope import Key, Place
from venmo_api.crypto.veil import Veil

REFRESH_SECONDS: Final = 2.0
ANNOUNCED_FOR: Final = timedelta(seconds=10)
"""Five times as long as a process takes to see a new key."""
log = structlog.get_logger()


class PersonKey:
    """One person's key, opened."""

    def __init__(self, owner: UUID, key: Key) -> None:
        self._owner = str(owner)
        self._key = key

    def seal(self, table: str, column: str, row: object, text: str) -> bytes:
        place = Place(table, column, str(row), self._owner)
        return envelope.seal(self._key, place, text.encode(), nonce=_nonce())

    def unseal(self, table: str, column: str, row: object, sealed: bytes) -> str:
        """Raises BadSeal."""
        return envelope.unseal(self._key, Place(table, column, str(row), self._owner), sealed).decode()


class Keyring:
    def __init__(self, kms: Kms, database: Database, wall_clock: Clock) -> None:
        self._kms = kms
        self._database = database
        self._clock = wall_clock
        self._keys: dict[tuple[Purpose, int], Key] = {}
        self._active_at: dict[tuple[Purpose, int], datetime] = {}
        self._veil: Veil | None = None

    async def refresh(self) -> None:
        """Raises KmsAway when a key could not be had, KmsRefused, and Unavailable; what is in memory stays."""
        rows = await self._database.read(queries.data_keys)
        missing = [purpose for purpose in get_args(Purpose) if not any(row.purpose == purpose for row in rows)]
        for purpose in missing:
            await self._make(purpose, 1, active_at=self._clock.now())
        for row in await self._database.read(queries.data_keys) if missing else rows:
            name = (row.purpose, row.number)
            if name not in self._keys:
                self._keys[name] = envelope.key_of(await self._kms.unwrap(row.wrapped, _context(*name)))
                self._active_at[name] = row.active_at
                if row.purpose == "standing":
                    self._veil = Veil(self._keys[name].secret)

    async def rotate(self, purpose: Purpose) -> int:
        if purpose == "standing":
            raise KeyStands
        await self.refresh()
        number = max(number for kind, number in self._keys if kind == purpose) + 1
        await self._make(purpose, number, active_at=self._clock.now() + ANNOUNCED_FOR)
        await self.refresh()
        return number

    def announced(self) -> Mapping[tuple[Purpose, int], datetime]:
        return self._active_at

    def current(self, purpose: Purpose) -> int:
        now = self._clock.now()
        active = [number for (kind, number), at in self._active_at.items() if kind == purpose and at <= now]
        # None counts yet where this clock is behind the one that made the first.
        known = active or [number for kind, number in self._keys if kind == purpose][:1]
        if not known:
            raise KeyAway
        return max(known)

    def index(self, kind: str, address: str) -> str:
        return self._index(self.current("index"), kind, envelope.hash_of(address))

    def indexes(self, kind: str, address: str) -> list[str]:
        return self.indexes_of_hash(kind, envelope.hash_of(address))

    def indexes_of_hash(self, kind: str, hashed: bytes) -> list[str]:
        numbers = sorted(number for purpose, number in self._keys if purpose == "index")
        if not numbers:
            raise KeyAway
        return [self._index(number, kind, hashed) for number in numbers]

    def veil(self, value: UUID) -> UUID:
        return self._standing().over(value)

    def unveil(self, veiled: UUID) -> UUID:
        return self._standing().under(veiled)

    def new_person(self, user_id: UUID) -> WrappedKey:
        return self._wrap(user_id, os.urandom(32))

    def rewrapped(self, user_id: UUID, wrapped: WrappedKey) -> WrappedKey:
        return self._wrap(user_id, self._unwrap(user_id, wrapped))

    def person(self, user_id: UUID, wrapped: WrappedKey) -> PersonKey:
        return PersonKey(user_id, envelope.key_of(self._unwrap(user_id, wrapped)))

    async def _make(self, purpose: Purpose, number: int, *, active_at: datetime) -> None:
        made = await self._kms.new_data_key(_context(purpose, number))
        await self._database.transact(
            queries.insert_data_key, purpose, number, wrapped=made.wrapped, active_at=active_at
        )

    def _standing(self) -> Veil:
        if self._veil is None:
            raise KeyAway
        return self._veil

    def _wrap(self, user_id: UUID, secret: bytes) -> WrappedKey:
        number = self.current("wrapping")
        sealed = envelope.seal(self._keys["wrapping", number], _place(user_id), secret, nonce=_nonce())
        return WrappedKey(number, sealed)

    def _unwrap(self, user_id: UUID, key: WrappedKey) -> bytes:
        wrapping = self._keys.get(("wrapping", key.wrapped_by))
        if wrapping is None:
            raise KeyAway
        return envelope.unseal(wrapping, _place(user_id), key.wrapped)

    def _index(self, number: int, kind: str, hashed: bytes) -> str:
        return envelope.blind(self._keys["index", number].secret, number, kind=kind, hashed=hashed)


@asynccontextmanager
async def following(keys: Keys) -> AsyncIterator[None]:
    """Take in new keys while a process runs. It starts without any, too: only personal data is unavailable then."""

    async def follow() -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await _refreshed(keys)

    await _refreshed(keys)
    task = asyncio.create_task(follow())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def require_ours(keys: Keys) -> None:
    """Raises KmsRefused when the master key is not the one of this database. Whatever else is wrong is told, and tried
    again while the process runs."""
    try:
        await keys.refresh()
    except KmsRefused:
        raise
    except Exception as error:
        _tell(error)


async def _refreshed(keys: Keys) -> None:
    try:
        await keys.refresh()
    except Exception as error:
        _tell(error)


def _tell(error: Exception) -> None:
    if isinstance(error, KmsAway):
        log.warning("key_service_away", error=error.detail)
    elif isinstance(error, KmsRefused):
        log.error("master_key_wrong", error=error.detail)
    else:
        log.warning("keys_not_refreshed", error=type(error).__name__)


def _context(purpose: str, number: int) -> dict[str, str]:
    return {"service": "venmo-api", "purpose": purpose, "number": str(number)}


def _place(user_id: UUID) -> Place:
    return Place("person_keys", "wrapped", str(user_id), str(user_id))


def _nonce() -> bytes:
    return os.urandom(envelope.NONCE_BYTES)
