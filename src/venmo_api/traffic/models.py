"""Table of requests."""

from sqlalchemy import Column, DateTime, Integer, SmallInteger, Table, Text, Uuid

from venmo_api.adapters.postgres import Model

ACCESS_LOG = Table(
    "access_log",
    Model.metadata,
    Column("at", DateTime(timezone=True), nullable=False),
    Column("request_id", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("duration_us", Integer, nullable=False),
    Column("actor_id", Uuid),
    Column("network", Text, nullable=False),
    postgresql_partition_by="RANGE (at)",
)
"""One row a request; no key and no index, since nothing looks one up before it is archived. ``route`` is the template
of the path: no id, no query and no text of a person. ``network`` is the /24 or /48 of the address."""
