"""Keys of people. A key is read with what it opens, so that a person whose key is destroyed is unreadable at once."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.keys import KeyDestroyed, Keys, Sealer, WrappedKey
from venmo_api.adapters.postgres import Transaction
from venmo_api.crypto import queries


async def of(tx: Transaction, app: Adapters, user_ids: Iterable[UUID]) -> dict[UUID, Sealer]:
    """The keys of those of these people who have one: who was erased has none. Raises KeyAway."""
    wanted = sorted(set(user_ids))
    if not wanted:
        return {}
    return {row.user_id: read(app.keys, row) for row in await queries.person_keys(tx, wanted)}


async def held(tx: Transaction, app: Adapters, user_ids: Iterable[UUID]) -> dict[UUID, Sealer]:
    """The keys of these people to seal with, made for those who have none: nobody is erased before ``tx`` ends.

    Raises KeyAway, and KeyDestroyed when one of them was erased.
    """
    wanted = sorted(set(user_ids))
    if not wanted:
        return {}
    rows = await queries.hold_person_keys(tx, wanted)
    missing = set(wanted) - {row.user_id for row in rows}
    for user_id in sorted(missing):
        await queries.insert_person_key(tx, user_id, app.keys.new_person(user_id))
    if missing:
        rows = await queries.hold_person_keys(tx, wanted)
    if len(rows) < len(wanted):
        raise KeyDestroyed
    return {row.user_id: read(app.keys, row) for row in rows}


async def ensure(tx: Transaction, app: Adapters, user_id: UUID) -> Sealer:
    """``held``, of one person."""
    return (await held(tx, app, [user_id]))[user_id]


async def create(tx: Transaction, app: Adapters, user_id: UUID) -> Sealer:
    """The key of somebody who is new. Raises KeyAway."""
    key = app.keys.new_person(user_id)
    await queries.insert_person_key(tx, user_id, key)
    return app.keys.person(user_id, key)


def read(keys: Keys, row: Any) -> Sealer:
    """The key in a row that was read with ``user_id``, ``wrapped_by`` and ``wrapped``. Raises KeyAway."""
    return keys.person(row.user_id, WrappedKey(row.wrapped_by, row.wrapped))
