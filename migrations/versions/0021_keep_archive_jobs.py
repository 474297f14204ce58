"""Restores and legal holds are kept; a manifest names the partition it moved.

Revision ID: 0021
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0021"
down_revision: str | None = "0020"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

MOMENT = sa.DateTime(timezone=True)
CHECKS = {
    "change": "change IN ('move', 'compaction', 'expiry')",
    "partition": "(partition_group IS NULL) = (partition_upper IS NULL)",
}

# Who wrote the note of a payment: its sender, or who asked for it. Of a refund nobody in particular did.
WROTE = """(t.sender_id = person AND (t.request_id IS NULL OR t.refund_of IS NOT NULL)
     OR t.recipient_id = person AND (t.request_id IS NOT NULL OR t.refund_of IS NOT NULL))"""
IS_ERASED = """
    IF NOT EXISTS (SELECT FROM users WHERE id = person AND erased_at IS NOT NULL) THEN
        RAISE EXCEPTION 'only the words of who was erased are forgotten'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;"""
DEFINED = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp"

# The service may write a note and never change one, but for this.
FORGET_WORDS = f"""
CREATE FUNCTION forget_words(person uuid, most integer) RETURNS bigint {DEFINED} AS $$
DECLARE changed bigint; more bigint;
BEGIN
    {IS_ERASED}
    WITH wrote AS (SELECT t.id FROM transfers t WHERE t.note <> '' AND {WROTE} LIMIT most),
    told AS (UPDATE stories s SET note = '' FROM wrote WHERE s.id = wrote.id)
    UPDATE transfers t SET note = '' FROM wrote WHERE t.id = wrote.id;
    GET DIAGNOSTICS changed = ROW_COUNT;
    UPDATE payment_requests SET note = ''
    WHERE id IN (SELECT id FROM payment_requests WHERE note <> '' AND requester_id = person LIMIT most);
    GET DIAGNOSTICS more = ROW_COUNT;
    changed := changed + more;
    UPDATE holds SET note = '' WHERE id IN (SELECT id FROM holds WHERE note <> '' AND payer_id = person LIMIT most);
    GET DIAGNOSTICS more = ROW_COUNT;
    changed := changed + more;
    UPDATE splits SET note = '' WHERE id IN (SELECT id FROM splits WHERE note <> '' AND creator_id = person LIMIT most);
    GET DIAGNOSTICS more = ROW_COUNT;
    RETURN changed + more;
END $$
"""

# History is append-only, and so it is written there alone: in one partition at a time, by the owner, and only a note.
# What is frozen stays as it was read for the archive.
FORGET_SAID = f"""
CREATE FUNCTION forget_said(person uuid, lowest timestamptz, highest timestamptz) RETURNS void {DEFINED} AS $$
BEGIN
    {IS_ERASED}
    EXECUTE format('LOCK TABLE %I IN ROW EXCLUSIVE MODE', archive_leaf('events', lowest));
    IF EXISTS (SELECT FROM archive_partitions WHERE group_name = 'events' AND lower = lowest AND state <> 'open') THEN
        RAISE EXCEPTION 'a partition of events was frozen meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;
    EXECUTE format($said$
        WITH wrote AS (
            SELECT 'TransferSettled' AS topic, t.id::text AS id, coalesce(t.ended_at, t.created_at) AS at
            FROM transfers t WHERE {WROTE.replace("person", "$1")}
            UNION ALL
            SELECT 'RequestMade', r.id::text, r.created_at FROM payment_requests r WHERE r.requester_id = $1)
        UPDATE %I e SET payload = jsonb_set(e.payload, '{{note}}', '""') FROM wrote w
        WHERE w.at >= $2 - interval '1 day' AND w.at < $3 AND e.topic = w.topic
          AND coalesce(e.payload ->> 'transfer_id', e.payload ->> 'request_id') = w.id $said$,
        archive_leaf('events', lowest))
    USING person, lowest, highest;
END $$
"""
WORDS = {
    "forget_words(uuid, integer)": FORGET_WORDS,
    "forget_said(uuid, timestamptz, timestamptz)": FORGET_SAID,
}


def upgrade() -> None:
    _name_partitions()
    _keep_holds()
    _keep_restores()
    _forget_words()


def downgrade() -> None:
    for function in WORDS:
        op.execute(f"DROP FUNCTION {function}")
    op.drop_table("archive_restores")
    op.drop_table("archive_holds")
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_archive_manifests_{name}"), "archive_manifests")
    for column in ("change", "partition_group", "partition_lower", "partition_upper"):
        op.drop_column("archive_manifests", column)


def _name_partitions() -> None:
    op.add_column("archive_manifests", sa.Column("change", sa.Text(), server_default=sa.text("'move'"), nullable=False))
    op.add_column("archive_manifests", sa.Column("partition_group", sa.Text(), nullable=True))
    op.add_column(
        "archive_manifests",
        sa.Column("partition_lower", MOMENT, nullable=True, comment="null: all before"),
    )
    op.add_column("archive_manifests", sa.Column("partition_upper", MOMENT, nullable=True))
    for name, check in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_archive_manifests_{name}"), "archive_manifests", check)


def _keep_holds() -> None:
    op.create_table(
        "archive_holds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("shelf", sa.Text(), nullable=True),
        sa.Column("first_day", sa.Date(), nullable=True),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("placed_at", MOMENT, nullable=False),
        sa.Column("released_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archive_holds")),
    )
    op.create_index(
        "ix_archive_holds_open", "archive_holds", ["placed_at"], postgresql_where=sa.text("released_at IS NULL")
    )
    op.execute("GRANT SELECT ON archive_holds TO venmo_app, venmo_archivist")
    # Whoever makes the service run SQL releases nothing: holds are written from the command line, as the archivist.
    op.execute("GRANT INSERT, UPDATE (released_at) ON archive_holds TO venmo_archivist")


def _forget_words() -> None:
    for function, definition in WORDS.items():
        op.execute(definition)
        op.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO venmo_app")


def _keep_restores() -> None:
    op.create_table(
        "archive_restores",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=True, comment="null: the operator"),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False, comment="files that cannot be read yet"),
        sa.Column("requested_at", MOMENT, nullable=False),
        sa.Column("ready_at", MOMENT, nullable=True),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "state IN ('requested', 'restoring', 'ready', 'expired')", name=op.f("ck_archive_restores_state")
        ),
        sa.CheckConstraint("first_day <= last_day", name=op.f("ck_archive_restores_days")),
        sa.CheckConstraint(
            "(state IN ('ready', 'expired')) = (ready_at IS NOT NULL)", name=op.f("ck_archive_restores_ready")
        ),
        sa.CheckConstraint("(ready_at IS NULL) = (expires_at IS NULL)", name=op.f("ck_archive_restores_expires")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archive_restores")),
    )
    op.create_index(
        "ix_archive_restores_open", "archive_restores", ["requested_at"], postgresql_where=sa.text("state <> 'expired'")
    )
    op.create_index("ix_archive_restores_asked_by", "archive_restores", ["asked_by", "id"])
    op.execute("GRANT SELECT, INSERT ON archive_restores TO venmo_app")
    op.execute("GRANT UPDATE (state, files, waiting, ready_at, expires_at) ON archive_restores TO venmo_app")
