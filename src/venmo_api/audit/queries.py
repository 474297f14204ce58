"""SQL of the audit trail."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction
from venmo_api.audit.rules import Entry, Link
from venmo_api.core.paging import PageRequest

# The one spelling of an entry, which hashes are of: jsonb sorts its keys and prints one value one way.
DOCUMENT = """jsonb_build_object('id', l.id, 'at', (extract(epoch FROM l.at) * 1000000)::bigint, 'act', l.act,
    'result', l.result, 'actor', l.actor_id, 'subject', l.subject_id, 'network', l.network, 'agent', l.agent,
    'details', l.details)::text"""
# Nothing is noted within what is frozen: it is on its way to the archive. Both statements see one horizon (``write``).
_AFTER = """greatest(CAST(:at AS timestamptz), (
        SELECT frozen_through + interval '1 microsecond' FROM archive_horizons WHERE group_name = 'audit'))"""
LOG = text(f"""
    INSERT INTO audit_log (id, at, act, result, actor_id, subject_id, network, agent, details)
    VALUES (CAST(:id AS uuid), {_AFTER}, CAST(:act AS text), CAST(:result AS text),
            CAST(:actor_id AS uuid), CAST(:subject_id AS uuid), CAST(:network AS text), CAST(:agent AS text),
            CAST(:details AS jsonb))
""")
QUEUE = text(f"INSERT INTO audit_queue (entry_id, at) VALUES (CAST(:id AS uuid), {_AFTER})")
LOCK = text("SELECT pg_try_advisory_xact_lock(:key)")
LOCK_KEY = 0x0061_7564_6974  # "audit" in ASCII
HEAD = text("SELECT position, hash FROM audit_chain ORDER BY position DESC LIMIT 1")
UNCHAINED = text(f"""
    SELECT l.id, {DOCUMENT} AS document FROM audit_queue q JOIN audit_log l ON l.id = q.entry_id AND l.at = q.at
    ORDER BY l.id LIMIT :most
""")
CHAIN = text("""
    INSERT INTO audit_chain (position, entry_id, hash)
    SELECT * FROM unnest(CAST(:positions AS bigint[]), CAST(:ids AS uuid[]), CAST(:hashes AS bytea[]))
""")
CHAINED = text("DELETE FROM audit_queue WHERE entry_id = ANY(CAST(:ids AS uuid[]))")
LIST = text("""
    SELECT id, at, act, result, actor_id, subject_id, network, agent, details FROM audit_log
    WHERE (CAST(:subject_id AS uuid) IS NULL OR subject_id = :subject_id)
      AND (CAST(:actor_id AS uuid) IS NULL OR actor_id = :actor_id)
      AND (CAST(:after AS uuid) IS NULL OR id < :after)
      AND act <> ALL(CAST(:hidden AS text[]))
    ORDER BY id DESC LIMIT :most
""")
LINKS = text("SELECT position, entry_id, hash FROM audit_chain WHERE position > :after ORDER BY position LIMIT :most")
DOCUMENTS = text(f"""
    SELECT l.id, {DOCUMENT} AS document, q.entry_id IS NOT NULL AS waits
    FROM audit_log l LEFT JOIN audit_queue q ON q.entry_id = l.id
    WHERE l.id > :after ORDER BY l.id LIMIT :most
""")


async def insert(tx: Transaction, entry: Entry) -> None:
    await tx.write(
        LOG,
        {
            "id": entry.id,
            "at": entry.at,
            "act": entry.act,
            "result": entry.result,
            "actor_id": entry.actor_id,
            "subject_id": entry.subject_id,
            "network": entry.network,
            "agent": entry.agent,
            "details": orjson.dumps(dict(entry.details)).decode(),
        },
    )
    await tx.write(QUEUE, {"id": entry.id, "at": entry.at})


async def lock(tx: Transaction) -> bool:
    """Be the only one who chains until this transaction ends; False when somebody else is."""
    return bool((await tx.execute(LOCK, {"key": LOCK_KEY})).scalar_one())


async def head(tx: Transaction) -> Link:
    row = (await tx.execute(HEAD)).first()
    return Link(*row) if row else Link()


async def unchained(tx: Transaction, *, most: int) -> Sequence[Any]:
    return (await tx.execute(UNCHAINED, {"most": most})).all()


async def chain(tx: Transaction, ids: Sequence[UUID], links: Sequence[Link]) -> None:
    columns = {"positions": [link.position for link in links], "hashes": [link.hash for link in links]}
    await tx.write(CHAIN, columns | {"ids": ids})
    await tx.write(CHAINED, {"ids": ids})


async def entries(
    tx: Transaction, page: PageRequest, *, subject_id: UUID | None, actor_id: UUID | None, hidden: Collection[str]
) -> Sequence[Any]:
    parameters = {
        "subject_id": subject_id,
        "actor_id": actor_id,
        "hidden": list(hidden),
        "after": page.after,
        "most": page.limit + 1,
    }
    return (await tx.execute(LIST, parameters)).all()


async def links(tx: Transaction, *, after: int, most: int) -> Sequence[Any]:
    """Position, entry and hash of the next places of the chain."""
    return (await tx.execute(LINKS, {"after": after, "most": most})).all()


async def documents(tx: Transaction, *, after: UUID, most: int) -> Sequence[Any]:
    """The next entries by id, as the chain spells them, and whether they wait to be chained."""
    return (await tx.execute(DOCUMENTS, {"after": after, "most": most})).all()
