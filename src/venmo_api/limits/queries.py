"""SQL of limits. Each question probes the primary key twice, however long the history is."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction
from venmo_api.limits.rules import Flow, Use

WINDOWS = text("""
    SELECT w.id, newest.total, newest.at AS last_at, past.total AS expired
    FROM unnest(CAST(:ids AS uuid[]), CAST(:users AS uuid[]), CAST(:horizons AS timestamptz[]))
         AS w (id, user_id, horizon)
    LEFT JOIN LATERAL (
        SELECT total, at FROM limit_uses WHERE user_id = w.user_id AND kind = :flow
        ORDER BY at DESC, total DESC LIMIT 1) newest ON true
    LEFT JOIN LATERAL (
        SELECT total FROM limit_uses WHERE user_id = w.user_id AND kind = :flow AND at <= w.horizon
        ORDER BY at DESC, total DESC LIMIT 1) past ON true
""")
INSERT = text("""
    INSERT INTO limit_uses (user_id, kind, at, total, amount)
    SELECT * FROM unnest(CAST(:users AS uuid[]), CAST(:kinds AS text[]), CAST(:moments AS timestamptz[]),
                         CAST(:totals AS bigint[]), CAST(:amounts AS bigint[]))
""")
COUNTING = text("""
    SELECT at, amount FROM limit_uses WHERE user_id = :user_id AND kind = :flow AND at > :horizon
    ORDER BY at, total LIMIT :most
""")
# The newest row that no longer counts stays: what counts is measured from it.
FORGET = text("""
    DELETE FROM limit_uses u WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM limit_uses o WHERE o.at < :horizon AND EXISTS (
            SELECT FROM limit_uses n WHERE n.user_id = o.user_id AND n.kind = o.kind
                AND (n.at, n.total) > (o.at, o.total) AND n.at < :horizon)
        LIMIT :most))
""")


async def windows(tx: Transaction, flow: Flow, asked: Sequence[tuple[UUID, UUID, datetime]]) -> Sequence[Any]:
    """For each (command, person, horizon)."""
    parameters = {
        "flow": flow,
        "ids": [command_id for command_id, _, _ in asked],
        "users": [user_id for _, user_id, _ in asked],
        "horizons": [horizon for _, _, horizon in asked],
    }
    return await tx.rows(WINDOWS, parameters)


async def insert(tx: Transaction, uses: Sequence[Use]) -> None:
    await tx.write(
        INSERT,
        {
            "users": [use.user_id for use in uses],
            "kinds": [use.flow for use in uses],
            "moments": [use.at for use in uses],
            "totals": [use.total for use in uses],
            "amounts": [use.amount for use in uses],
        },
    )


async def counting(tx: Transaction, user_id: UUID, flow: Flow, *, horizon: datetime, most: int) -> Sequence[Any]:
    parameters = {"user_id": user_id, "flow": flow, "horizon": horizon, "most": most}
    return (await tx.execute(COUNTING, parameters)).all()


async def forget(tx: Transaction, *, horizon: datetime, most: int) -> int:
    return (await tx.execute(FORGET, {"horizon": horizon, "most": most})).rowcount
