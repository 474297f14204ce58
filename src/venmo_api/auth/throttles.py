"""Throttles: every guess at a secret is counted before it is judged, in Postgres, and given back when it was right."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.auth.guesses import OF_ADDRESS, SECRET, Bound, Guesses, count, of_network
from venmo_api.core.errors import Unavailable
from venmo_api.core.origin import Origin

# The update changes nothing: it locks, and answers, rows that are there already.
OPEN = text("""
    INSERT INTO attempts AS a (bucket, wrong, locks, began_at, last_at)
    SELECT bucket, 0, 0, :now, :now FROM unnest(CAST(:buckets AS bytea[])) AS w (bucket) ORDER BY bucket
    ON CONFLICT (bucket) DO UPDATE SET wrong = a.wrong RETURNING bucket, wrong, locks, began_at, last_at
""")
LOCK = text("SELECT 1 FROM attempts WHERE bucket = ANY(CAST(:buckets AS bytea[])) ORDER BY bucket FOR UPDATE")
KEEP = text("""
    UPDATE attempts a SET wrong = w.wrong, locks = w.locks, began_at = w.began_at, last_at = w.last_at
    FROM unnest(CAST(:buckets AS bytea[]), CAST(:wrongs AS int[]), CAST(:lock_counts AS int[]),
                CAST(:beginnings AS timestamptz[]), CAST(:lasts AS timestamptz[]))
         AS w (bucket, wrong, locks, began_at, last_at)
    WHERE a.bucket = w.bucket
""")
FORGET = text("DELETE FROM attempts WHERE bucket = ANY(CAST(:buckets AS bytea[]))")
GIVE_BACK = text("""
    UPDATE attempts SET wrong = wrong - 1 WHERE bucket = ANY(CAST(:buckets AS bytea[])) AND wrong > 0
""")
PURGE = text("""
    DELETE FROM attempts WHERE bucket IN (
        SELECT bucket FROM attempts WHERE last_at < :before ORDER BY last_at LIMIT :most FOR UPDATE SKIP LOCKED
    )
""")


class Purpose(StrEnum):
    """What a guess is made at. Each has counts of its own."""

    SIGN_IN = "sign_in"
    STEP_UP = "step_up"
    SECOND_FACTOR = "second_factor"
    RESET = "reset"
    CODE = "code"


@dataclass(slots=True)
class Attempt:
    """A guess that is counted as wrong until its maker sets ``right``. One that is not ``believed`` must be refused
    like a wrong one, and after the same work."""

    right: bool = False
    believed: bool = True


@dataclass(frozen=True, slots=True)
class _Bucket:
    """``silent``: when it is full the guess is let through and not believed. ``shared`` by so many people that one
    right guess forgives only itself."""

    key: bytes
    bound: Bound = SECRET
    silent: bool = False
    shared: bool = False


@asynccontextmanager
async def attempt(app: Adapters, purpose: Purpose, subject: UUID | str) -> AsyncIterator[Attempt]:
    """Around a guess at a secret of ``subject``: ``async with attempt(...) as guess: ... guess.right = True``.

    To be entered outside any transaction, as its count must outlive what the guess does. Raises TooManyAttempts, and
    Unavailable when too many are guessing at once. A guess that ends in Unavailable was none.
    """
    async with _counted(app, [_Bucket(_key(app, purpose, str(subject)))]) as guess:
        yield guess


@asynccontextmanager
async def sign_in(
    app: Adapters, *, name: tuple[str, str], user_id: UUID | None, device_id: UUID | None, origin: Origin
) -> AsyncIterator[Attempt]:
    """Around a guess at the password of whoever has ``name`` (kind, canonical value), as ``attempt``.

    A device known to be this person's has counts of its own, so that no stranger can lock it out. Otherwise the name
    is counted, whether somebody has it or not; so is the account, in silence, as it has more names than one: who locks
    one name must not learn from another that both are the same person's; and so is the network the guess comes from.
    """
    buckets = (
        _strangers(app, name, user_id, origin)
        if device_id is None
        else [_Bucket(_key(app, Purpose.SIGN_IN, "device", str(device_id)))]
    )
    async with _counted(app, buckets) as guess:
        yield guess


@asynccontextmanager
async def code(app: Adapters, kind: str, address: str) -> AsyncIterator[Attempt]:
    """Around a guess at the code that was sent to an address: many people may claim it, each with a code of their own.
    As ``attempt``, but one right guess forgives no other."""
    async with _counted(app, [_Bucket(_key(app, Purpose.CODE, kind, address), OF_ADDRESS, shared=True)]) as guess:
        yield guess


async def forgive(tx: Transaction, app: Adapters, user_id: UUID, names: Sequence[tuple[str, str]]) -> None:
    """Forget the wrong guesses at a password that has been replaced by its owner, under all their names."""
    own = [_key(app, Purpose.SIGN_IN, "account", str(user_id)), *(_named(app, name) for name in names)]
    await tx.execute(LOCK, {"buckets": own})
    await tx.execute(FORGET, {"buckets": own})


async def forget_old(tx: Transaction, *, now: datetime, most: int) -> int:
    """Drop at most ``most`` counts that say nothing any more; how many."""
    longest = SECRET.window_seconds + SECRET.locks_seconds[-1]
    return (await tx.execute(PURGE, {"before": now - timedelta(seconds=longest), "most": most})).rowcount


@asynccontextmanager
async def _counted(app: Adapters, buckets: Sequence[_Bucket]) -> AsyncIterator[Attempt]:
    # In turn: many right guesses at once must not be taken for wrong ones while they are judged.
    async with app.turns.turn(buckets[0].key):
        guess = Attempt(believed=await app.database.transact(_count, buckets, now=app.wall_clock.now()))
        try:
            yield guess
        except Unavailable:
            if not guess.right:
                await app.database.transact(_give_back, buckets)
            raise
        finally:
            if guess.right:
                await app.database.transact(_clear, buckets)


async def _count(tx: Transaction, buckets: Sequence[_Bucket], *, now: datetime) -> bool:
    """Count a guess in all of these; whether it may be believed. Raises TooManyAttempts, and counts nothing then."""
    rows = (await tx.execute(OPEN, {"buckets": _keys(buckets), "now": now})).all()
    held = {row.bucket: Guesses(row.wrong, row.locks, row.began_at, row.last_at) for row in rows}
    counted: dict[bytes, Guesses] = {}
    believed = True
    for bucket in buckets:
        outcome = count(held[bucket.key], bucket.bound, now=now)
        if isinstance(outcome, Guesses):
            counted[bucket.key] = outcome
        elif bucket.silent:
            believed = False
        else:
            raise outcome
    await tx.execute(KEEP, _columns(counted))
    return believed


async def _give_back(tx: Transaction, buckets: Sequence[_Bucket]) -> None:
    await tx.execute(LOCK, {"buckets": _keys(buckets)})
    await tx.execute(GIVE_BACK, {"buckets": _keys(buckets)})


async def _clear(tx: Transaction, buckets: Sequence[_Bucket]) -> None:
    await tx.execute(LOCK, {"buckets": _keys(buckets)})
    await tx.execute(FORGET, {"buckets": _keys([bucket for bucket in buckets if not bucket.shared])})
    await tx.execute(GIVE_BACK, {"buckets": _keys([bucket for bucket in buckets if bucket.shared])})


def _strangers(app: Adapters, name: tuple[str, str], user_id: UUID | None, origin: Origin) -> list[_Bucket]:
    # A name that nobody has gets an account of its own: the same work for both.
    account = _key(app, Purpose.SIGN_IN, "account", str(user_id) if user_id else " ".join(name))
    network = _key(app, Purpose.SIGN_IN, "network", origin.network)
    return [
        _Bucket(_named(app, name)),
        _Bucket(network, of_network(app.figures.wrong_by_network), shared=True),
        _Bucket(account, silent=True),
    ]


def _named(app: Adapters, name: tuple[str, str]) -> bytes:
    return _key(app, Purpose.SIGN_IN, "name", *name)


def _key(app: Adapters, purpose: Purpose, *subject: str) -> bytes:
    return app.signer.keyed_hash("\n".join(("attempts", purpose, *subject)))


def _keys(buckets: Sequence[_Bucket]) -> list[bytes]:
    return [bucket.key for bucket in buckets]


def _columns(guesses: dict[bytes, Guesses]) -> dict[str, Any]:
    rows = list(guesses.values())
    return {
        "buckets": list(guesses),
        "wrongs": [row.wrong for row in rows],
        "lock_counts": [row.locks for row in rows],
        "beginnings": [row.began_at for row in rows],
        "lasts": [row.last_at for row in rows],
    }
