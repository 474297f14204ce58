"""Payments are screened.

Revision ID: 0016
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0016"
down_revision: str | None = "0015"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

MOMENT = sa.DateTime(timezone=True)
WORDS = postgresql.ARRAY(sa.Text())
GRANTS = (
    "GRANT SELECT, INSERT, UPDATE ON risk_counters TO venmo_app",
    "GRANT SELECT, INSERT ON risk_decisions, risk_policies TO venmo_app",
    "GRANT SELECT, INSERT, DELETE ON risk_blocklist TO venmo_app",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON risk_snoozes TO venmo_app",
    "GRANT SELECT ON risk_decisions TO venmo_archivist",
)
TABLES = ("risk_policies", "risk_snoozes", "risk_blocklist", "risk_decisions", "risk_counters")


def upgrade() -> None:
    op.create_table(
        "risk_counters",
        sa.Column("entity_id", sa.Uuid(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("entity_id", name=op.f("pk_risk_counters")),
        postgresql_with={"fillfactor": "50", "autovacuum_vacuum_scale_factor": "0.02"},
    )
    _create_decisions()
    _create_lists()
    op.create_table(
        "risk_policies",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("first_used_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_risk_policies")),
    )
    for statement in GRANTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("SELECT archive_disown('risk_decisions')")
    for table in TABLES:
        op.drop_table(table)


def _create_decisions() -> None:
    op.create_table(
        "risk_decisions",
        sa.Column("tx_id", sa.Uuid(), nullable=False),
        sa.Column("decided_at", MOMENT, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sender_id", sa.Uuid(), nullable=False),
        sa.Column("recipient_id", sa.Uuid(), nullable=True, comment="null: a cash-out, or nobody who has signed up"),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reasons", WORDS, nullable=False),
        sa.Column("policy", sa.Text(), nullable=False, comment="version: risk_policies has its figures"),
        sa.Column("model", sa.Text(), nullable=True, comment="SHA-256 of the model's text; null: none was active"),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("features", sa.LargeBinary(), nullable=False),
        sa.Column("listed", WORDS, nullable=False),
        sa.Column("snoozed", WORDS, nullable=False),
        sa.Column("holdable", sa.Boolean(), nullable=False, comment="whether the money could wait for a review"),
        sa.Column("degraded", sa.Boolean(), nullable=False),
        sa.Column("new_device", sa.Boolean(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.Column("latency_us", sa.Integer(), nullable=False, comment="to read and to judge, of the batch it was in"),
        sa.CheckConstraint("kind IN ('payment', 'cash_out')", name=op.f("ck_risk_decisions_kind")),
        sa.CheckConstraint("verdict IN ('allow', 'review', 'deny')", name=op.f("ck_risk_decisions_verdict")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_risk_decisions_amount")),
        sa.PrimaryKeyConstraint("tx_id", "decided_at", name=op.f("pk_risk_decisions")),
        postgresql_partition_by="RANGE (decided_at)",
    )
    doubted = sa.text("verdict <> 'allow'")
    op.create_index("ix_risk_decisions_doubted", "risk_decisions", ["decided_at", "tx_id"], postgresql_where=doubted)
    op.execute("SELECT archive_adopt('risk', 'risk_decisions', 'decided_at')")
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON risk_decisions "
        "FOR EACH STATEMENT EXECUTE FUNCTION append_only()"
    )


def _create_lists() -> None:
    op.create_table(
        "risk_blocklist",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("contact", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False, comment="a word"),
        sa.Column("added_by", sa.Uuid(), nullable=False),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.CheckConstraint("list IN ('block', 'sanctions')", name=op.f("ck_risk_blocklist_list")),
        sa.CheckConstraint("(user_id IS NULL) <> (contact IS NULL)", name=op.f("ck_risk_blocklist_subject")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_risk_blocklist")),
    )
    for column in ("user_id", "contact"):
        op.create_index(
            f"uq_risk_blocklist_{column}",
            "risk_blocklist",
            [column, "list"],
            unique=True,
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    op.create_table(
        "risk_snoozes",
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("maker_id", sa.Uuid(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("subject_id", "rule", name=op.f("pk_risk_snoozes")),
    )
