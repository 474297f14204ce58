"""SQL of risk: one probe an account to read, one row an account and one a decision to write."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction
from venmo_api.core.policy import Policy
from venmo_api.risk.counters import Counters
from venmo_api.risk.desk import Judged, moment
from venmo_api.risk.features import packed

READ = text("""
    SELECT p.id, c.record,
           ARRAY(SELECT b.list FROM risk_blocklist b WHERE b.user_id = p.id) AS lists,
           ARRAY(SELECT s FROM (SELECT rule, until FROM risk_snoozes WHERE subject_id = p.id) s) AS snoozes,
           (SELECT frozen_through FROM archive_horizons WHERE group_name = 'risk') AS frozen_through,
           EXISTS (SELECT FROM risk_policies WHERE version = :policy) AS policy_known
    FROM unnest(CAST(:people AS uuid[])) AS p (id) LEFT JOIN risk_counters c ON c.entity_id = p.id
""")
LISTED = text("""
    SELECT contact, list FROM risk_blocklist WHERE contact = ANY(CAST(:contacts AS text[]))
""")
COUNT = text("""
    INSERT INTO risk_counters (entity_id, record)
    SELECT * FROM unnest(CAST(:people AS uuid[]), CAST(:records AS text[]))
    ON CONFLICT (entity_id) DO UPDATE SET record = excluded.record
""")
_COLUMNS = {
    "tx_id": "uuid",
    "decided_at": "timestamptz",
    "kind": "text",
    "sender_id": "uuid",
    "recipient_id": "uuid",
    "amount": "bigint",
    "verdict": "text",
    "reasons": "text",
    "policy": "text",
    "model": "text",
    "score": "float8",
    "features": "bytea",
    "listed": "text",
    "snoozed": "text",
    "holdable": "boolean",
    "degraded": "boolean",
    "new_device": "boolean",
    "device_id": "uuid",
    "latency_us": "integer",
}
# An array of arrays would be taken apart to the last: several words come as one text.
_WORDS = {"reasons", "listed", "snoozed"}
LOG = text(f"""
    INSERT INTO risk_decisions ({", ".join(_COLUMNS)})
    SELECT {", ".join(f"string_to_array({name}, ' ')" if name in _WORDS else name for name in _COLUMNS)}
    FROM unnest({", ".join(f"CAST(:{name} AS {type_}[])" for name, type_ in _COLUMNS.items())})
         AS d ({", ".join(_COLUMNS)})
""")
KEEP_POLICY = text("""
    INSERT INTO risk_policies (version, figures, first_used_at) VALUES (:version, CAST(:figures AS jsonb), :at)
    ON CONFLICT (version) DO NOTHING
""")


async def read(tx: Transaction, people: Sequence[UUID], *, policy: str) -> Sequence[Any]:
    return await tx.rows(READ, {"people": people, "policy": policy})


async def listed(tx: Transaction, contacts: Sequence[str]) -> Sequence[Any]:
    return await tx.rows(LISTED, {"contacts": contacts})


async def count(tx: Transaction, counters: Sequence[tuple[UUID, Counters]]) -> None:
    records = [one.dumped() for _, one in counters]
    await tx.write(COUNT, {"people": [person for person, _ in counters], "records": records})


async def log(tx: Transaction, judged: Sequence[Judged], *, policy: str, latency_us: int) -> None:
    rows = [_row(one, policy, latency_us) for one in judged]
    await tx.write(LOG, dict(zip(_COLUMNS, map(list, zip(*rows, strict=True)), strict=True)))


async def keep_policy(tx: Transaction, policy: Policy, figures: str, *, at: datetime) -> None:
    await tx.write(KEEP_POLICY, {"version": policy.version, "figures": figures, "at": at})


def _row(one: Judged, policy: str, latency_us: int) -> tuple[Any, ...]:
    """In the order of _COLUMNS."""
    asked, facts = one.asked, one.facts
    return (
        asked.tx_id,
        moment(one.us),
        asked.kind,
        asked.sender.id,
        asked.recipient.id if asked.recipient else None,
        asked.amount,
        one.verdict,
        " ".join(one.decision.reasons),
        policy,
        one.model,
        facts.score,
        packed(facts.features),
        " ".join(facts.listed),
        " ".join(facts.snoozed),
        facts.holdable,
        facts.degraded,
        facts.new_device,
        asked.device_id,
        latency_us,
    )
