"""Alerts and cases are kept.

Revision ID: 0018
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0018"
down_revision: str | None = "0017"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

TABLES = ("alert_payments", "alerts", "case_steps", "case_subjects", "cases")
GRANTS = (
    f"GRANT SELECT, INSERT ON {', '.join(TABLES)} TO venmo_app",
    "GRANT UPDATE (state, disposition, due_at, closed_at, merged_into, file_key) ON cases TO venmo_app",
    "GRANT UPDATE (case_id) ON alerts TO venmo_app",
)


def upgrade() -> None:
    _create_cases()
    _create_alerts()
    for statement in GRANTS:
        op.execute(statement)


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)


def _create_cases() -> None:
    op.create_table(
        "cases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("disposition", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("merged_into", sa.Uuid(), nullable=True),
        sa.Column("file_key", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'proposed', 'closed')", name=op.f("ck_cases_state")),
        sa.CheckConstraint("disposition IN ('report', 'dismiss', 'merge')", name=op.f("ck_cases_disposition")),
        sa.CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name=op.f("ck_cases_closed")),
        sa.CheckConstraint("(state = 'open') = (disposition IS NULL)", name=op.f("ck_cases_disposed")),
        sa.CheckConstraint(
            "(merged_into IS NULL) = (disposition IS DISTINCT FROM 'merge')", name=op.f("ck_cases_merged")
        ),
        sa.ForeignKeyConstraint(["merged_into"], ["cases.id"], name=op.f("fk_cases_merged_into_cases")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
    )
    op.create_index("ix_cases_unfinished", "cases", ["id"], postgresql_where=sa.text("closed_at IS NULL"))
    unfiled = sa.text("closed_at IS NOT NULL AND disposition = 'report' AND file_key IS NULL")
    op.create_index("ix_cases_unfiled", "cases", ["id"], postgresql_where=unfiled)
    op.create_table(
        "case_subjects",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True, comment="null for a device"),
        sa.CheckConstraint("kind IN ('account', 'device')", name=op.f("ck_case_subjects_kind")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_subjects_case_id_cases")),
        sa.PrimaryKeyConstraint("case_id", "number", name=op.f("pk_case_subjects")),
    )
    op.create_index("ix_case_subjects_number", "case_subjects", ["number"])
    op.create_table(
        "case_steps",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("disposition", sa.Text(), nullable=True),
        sa.Column("narrative", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "step IN ('open', 'alert', 'join', 'merge', 'propose', 'withdraw', 'return', 'approve')",
            name=op.f("ck_case_steps_step"),
        ),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_steps_case_id_cases")),
        sa.PrimaryKeyConstraint("case_id", "number", name=op.f("pk_case_steps")),
    )


def _create_alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("detector", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("subject", sa.BigInteger(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("start_us", sa.BigInteger(), nullable=False),
        sa.Column("end_us", sa.BigInteger(), nullable=False),
        sa.Column("score", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("manifest_sequence", sa.Integer(), nullable=False),
        sa.Column("manifest_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("subject_kind IN ('account', 'device')", name=op.f("ck_alerts_subject_kind")),
        sa.CheckConstraint("start_us <= end_us", name=op.f("ck_alerts_window")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_alerts_case_id_cases")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_index("ix_alerts_case_id", "alerts", ["case_id"])
    op.create_index("ix_alerts_raised_at", "alerts", ["raised_at"])
    op.create_table(
        "alert_payments",
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("tx_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sender_id", sa.Uuid(), nullable=False),
        sa.Column("recipient_id", sa.Uuid(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("file_key", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('payment', 'cash_out')", name=op.f("ck_alert_payments_kind")),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name=op.f("fk_alert_payments_alert_id_alerts")),
        sa.PrimaryKeyConstraint("alert_id", "tx_id", name=op.f("pk_alert_payments")),
    )
