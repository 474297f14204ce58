"""SQL of requests."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from venmo_api.adapters.postgres import Transaction

COLUMNS = ("moments", "request_ids", "methods", "routes", "statuses", "durations", "actors", "networks")
# What was frozen meanwhile is closed to late ones: they stand right after it.
INSERT = text("""
    INSERT INTO access_log (at, request_id, method, route, status, duration_us, actor_id, network)
    SELECT greatest(a.at, h.frozen_through + interval '1 microsecond'), a.request_id, a.method, a.route, a.status,
           a.duration_us, a.actor_id, a.network
    FROM unnest(CAST(:moments AS timestamptz[]), CAST(:request_ids AS text[]), CAST(:methods AS text[]),
                CAST(:routes AS text[]), CAST(:statuses AS smallint[]), CAST(:durations AS integer[]),
                CAST(:actors AS uuid[]), CAST(:networks AS text[]))
         AS a (at, request_id, method, route, status, duration_us, actor_id, network)
    LEFT JOIN archive_horizons h ON h.group_name = 'access'
""")


async def insert(tx: Transaction, rows: Sequence[tuple[Any, ...]]) -> None:
    """``rows``: in the order of COLUMNS."""
    await tx.execute(INSERT, dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True)))
