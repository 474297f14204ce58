"""Alembic's entry: run migrations with the database URL given, or that of the settings."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from venmo_api.adapters.postgres import Model, secured
from venmo_api.admin import models as _admin  # noqa: F401 - each import declares its tables
from venmo_api.analytics import models as _analytics  # noqa: F401
from venmo_api.archive import models as _archive  # noqa: F401
from venmo_api.audit import models as _audit  # noqa: F401
from venmo_api.auth import models as _auth  # noqa: F401
from venmo_api.crypto import models as _crypto  # noqa: F401
from venmo_api.feed import models as _feed  # noqa: F401
from venmo_api.holds import models as _holds  # noqa: F401
from venmo_api.idempotency import models as _idempotency  # noqa: F401
from venmo_api.ledger import models as _ledger  # noqa: F401
from venmo_api.limits import models as _limits  # noqa: F401
from venmo_api.notifications import models as _notifications  # noqa: F401
from venmo_api.outbox import models as _outbox  # noqa: F401
from venmo_api.requests import models as _requests  # noqa: F401
from venmo_api.risk import models as _risk  # noqa: F401
from venmo_api.sandbox import models as _sandbox  # noqa: F401
from venmo_api.traffic import models as _traffic  # noqa: F401
from venmo_api.transfers import models as _transfers  # noqa: F401
from venmo_api.users import models as _users  # noqa: F401
from venmo_api.wallet import models as _wallet  # noqa: F401


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Model.metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


async def online() -> None:
    url = context.config.attributes.get("database_url") or os.environ["VENMO_DATABASE_URL"]
    tls = secured(context.config.attributes.get("database_ca_file"))
    engine = create_async_engine(url, poolclass=NullPool, connect_args=tls)
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()


asyncio.run(online())
