"""The plain peer: one transaction a request, FastAPI and SQLAlchemy as their manuals show them, the same writes.

It checks the same token, takes the same body, and leaves the same rows in the same tables (key with its answer,
transfer, ledger transaction, two entries, two balances, event, queue), locked in the same order. Nothing is grouped.
The feed is one query, with the indexes that the service has, and the same page.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, cast
from uuid import UUID

import jwt
import uuid_utils.compat
from cryptography.hazmat.primitives import serialization
from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Table, bindparam, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from venmo_api.adapters.postgres import APP_ROLE
from venmo_api.idempotency.models import IdempotencyKey
from venmo_api.ledger.models import Account
from venmo_api.outbox.models import Delivery, EventRow
from venmo_api.settings import Settings
from venmo_api.transfers.models import TransferRow
from venmo_api.users.models import User

settings = Settings()
engine = create_async_engine(
    settings.database_url,
    pool_size=settings.database_pool_size,
    max_overflow=0,
    connect_args={"server_settings": {"role": APP_ROLE, "jit": "off"}},
)
public_key = serialization.load_pem_private_key(settings.signing_key_pem.encode(), password=None).public_key()

# Statements are built once and hold no ORM objects: what a careful author of a plain endpoint would do.
users, accounts, keys = User.__table__, Account.__table__, IdempotencyKey.__table__
FIND_PEOPLE = select(users).where((users.c.id == bindparam("payer")) | (users.c.id == bindparam("payee")))
LOCK_ACCOUNTS = (
    select(accounts.c.id, accounts.c.balance, accounts.c.version)
    .where((accounts.c.id == bindparam("payer")) | (accounts.c.id == bindparam("payee")))
    .order_by(accounts.c.id)
    .with_for_update(key_share=True)
)
FIND_KEY = select(keys.c.body).where(
    keys.c.user_id == bindparam("payer"), keys.c.route == "plain", keys.c.key == bindparam("sent_key")
)
INSERT_TRANSFER = insert(cast(Table, TransferRow.__table__))
INSERT_EVENT = insert(cast(Table, EventRow.__table__))
INSERT_DELIVERY = insert(cast(Table, Delivery.__table__))
INSERT_KEY = insert(cast(Table, keys))
# The schema's own check wants balances and their entries in one statement.
MOVE = text("""
    WITH moved AS (
        UPDATE ledger_accounts a SET balance = b.balance, version = b.version, moved_at = :now
        FROM (VALUES (CAST(:payer AS uuid), CAST(:payer_balance AS bigint), CAST(:payer_version AS bigint)),
                     (CAST(:payee AS uuid), CAST(:payee_balance AS bigint), CAST(:payee_version AS bigint)))
             AS b (id, balance, version)
        WHERE a.id = b.id),
    posted AS (INSERT INTO ledger_transactions (id, kind, created_at) VALUES (:id, 'transfer', :now))
    INSERT INTO ledger_entries (transaction_id, account_id, version, amount, balance_after, at)
    VALUES (:id, :payer, :payer_version, -CAST(:amount AS bigint), :payer_balance, :now),
           (:id, :payee, :payee_version, :amount, :payee_balance, :now)
""")


FRIENDS_FEED = text("""
    WITH friends AS (
        SELECT CASE low_id WHEN :me THEN high_id ELSE low_id END AS id FROM friendships
        WHERE (low_id = :me OR high_id = :me) AND accepted_at IS NOT NULL),
    hidden AS (
        SELECT CASE blocker_id WHEN :me THEN blocked_id ELSE blocker_id END AS id FROM blocks
        WHERE blocker_id = :me OR blocked_id = :me)
    SELECT s.*, a.username AS actor_username, a.display_name AS actor_name, a.avatar_url AS actor_avatar,
           t.username AS target_username, t.display_name AS target_name, t.avatar_url AS target_avatar
    FROM stories s JOIN users a ON a.id = s.actor_id JOIN users t ON t.id = s.target_id
    WHERE (:me IN (s.actor_id, s.target_id) OR s.audience <> 'private'
           AND (s.actor_id IN (SELECT id FROM friends) OR s.target_id IN (SELECT id FROM friends)))
      AND s.actor_id NOT IN (SELECT id FROM hidden) AND s.target_id NOT IN (SELECT id FROM hidden)
    ORDER BY s.id DESC LIMIT :most
""")


class Recipient(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    user_id: str


class PayBody(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    recipient: Recipient
    amount: Annotated[int, Field(gt=0, le=100_000_000)]
    note: Annotated[str, Field(min_length=1, max_length=280)]


class Party(BaseModel):
    id: str
    username: str
    display_name: str
    avatar_url: str | None


class Transfer(BaseModel):
    id: str
    status: str
    amount: int
    currency: str
    note: str
    audience: str
    sender: Party
    recipient: Party
    created_at: datetime


class Story(BaseModel):
    id: str
    actor: Party
    target: Party
    action: str
    note: str
    audience: str
    likes: int
    comments: int
    reactions: dict[str, int]
    created_at: datetime
    amount: int | None = None
    currency: str | None = None


class Feed(BaseModel):
    data: list[Story]
    next_cursor: str | None
    has_more: bool


async def signed_in(authorization: Annotated[str, Header()]) -> UUID:
    try:
        claims = jwt.decode(
            authorization.removeprefix("Bearer "),
            public_key,  # type: ignore[arg-type]
            algorithms=["ES256"],
            audience=settings.token_audience,
            issuer=settings.token_issuer,
        )
    except jwt.InvalidTokenError:
        raise HTTPException(401) from None
    return UUID(claims["sub"].removeprefix("usr_"))


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.post("/transfers", status_code=201)
async def pay(
    request: Request,
    body: PayBody,
    user_id: Annotated[UUID, Depends(signed_in)],
    key: Annotated[str, Header(alias="Idempotency-Key", min_length=8, max_length=255)],
) -> Transfer:
    payee_id = UUID(body.recipient.user_id.removeprefix("usr_"))
    fingerprint = hashlib.sha256(await request.body()).digest()
    async with engine.begin() as connection:
        return await _pay(connection, user_id, payee_id, body, key, fingerprint)


@app.get("/feed", response_model_exclude_none=True)
async def feed(user_id: Annotated[UUID, Depends(signed_in)], limit: Annotated[int, Query(ge=1, le=100)] = 25) -> Feed:
    async with engine.connect() as connection:
        rows = (await connection.execute(FRIENDS_FEED, {"me": user_id, "most": limit + 1})).all()
    more = len(rows) > limit
    stories = [_story(row, own=user_id in (row.actor_id, row.target_id)) for row in rows[:limit]]
    return Feed(data=stories, next_cursor=stories[-1].id if more else None, has_more=more)


def _story(row: Any, *, own: bool) -> Story:
    return Story(
        id=f"sty_{row.id.hex}",
        actor=Party(
            id=f"usr_{row.actor_id.hex}",
            username=row.actor_username,
            display_name=row.actor_name,
            avatar_url=row.actor_avatar,
        ),
        target=Party(
            id=f"usr_{row.target_id.hex}",
            username=row.target_username,
            display_name=row.target_name,
            avatar_url=row.target_avatar,
        ),
        action=row.action,
        note=row.note,
        audience=row.audience,
        likes=row.likes,
        comments=row.comments,
        reactions=row.reactions,
        created_at=row.created_at if own else row.created_at.replace(hour=0, minute=0, second=0, microsecond=0),
        amount=row.amount if own else None,
        currency=row.currency if own else None,
    )


async def _pay(
    connection: AsyncConnection, payer_id: UUID, payee_id: UUID, body: PayBody, key: str, fingerprint: bytes
) -> Transfer:
    transfer_id, event_id = uuid_utils.compat.uuid7(), uuid_utils.compat.uuid7()
    both = {"payer": payer_id, "payee": payee_id}
    people = {row.id: row for row in await connection.execute(FIND_PEOPLE, both)}
    if len(people) != 2:
        raise HTTPException(404)
    locked = {row.id: row for row in await connection.execute(LOCK_ACCOUNTS, both)}
    now = datetime.now(UTC)  # with the locks, so that an account's moments never step back
    seen = await connection.execute(FIND_KEY, {"payer": payer_id, "sent_key": key})
    if (replay := seen.first()) is not None:
        return Transfer.model_validate_json(replay.body)
    payer, payee = locked[payer_id], locked[payee_id]
    if payer.balance < body.amount:
        raise HTTPException(402)
    transfer = Transfer(
        id=f"tr_{transfer_id.hex}", status="settled", amount=body.amount, currency="USD", note=body.note,
        audience="friends", sender=_party(people[payer_id]), recipient=_party(people[payee_id]), created_at=now,
    )  # fmt: skip
    same = {"amount": body.amount, "currency": "USD", "note": body.note, "audience": "friends"}
    await connection.execute(
        INSERT_TRANSFER,
        same
        | {"id": transfer_id, "sender_id": payer_id, "recipient_id": payee_id, "status": "settled", "created_at": now},
    )
    await connection.execute(
        MOVE,
        both | {
            "id": transfer_id, "now": now, "amount": body.amount,
            "payer_balance": payer.balance - body.amount, "payer_version": payer.version + 1,
            "payee_balance": payee.balance + body.amount, "payee_version": payee.version + 1,
        },
    )  # fmt: skip
    told = same | {"transfer_id": str(transfer_id), "sender_id": str(payer_id), "recipient_id": str(payee_id)}
    event = {"id": event_id, "topic": "TransferSettled", "payload": told | {"at": now.isoformat()}, "created_at": now}
    await connection.execute(INSERT_EVENT, event)
    await connection.execute(
        INSERT_DELIVERY, {"event_id": event_id, "subject_id": payer_id, "due_at": now, "created_at": now}
    )
    answered = {"status": 201, "body": transfer.model_dump_json().encode()}
    claim = {"user_id": payer_id, "route": "plain", "key": key, "fingerprint": fingerprint, "created_at": now}
    await connection.execute(INSERT_KEY, claim | answered)
    return transfer


def _party(row: Any) -> Party:
    return Party(
        id=f"usr_{row.id.hex}", username=row.username, display_name=row.display_name, avatar_url=row.avatar_url
    )
