"""Payments are reviewed: what is held is found, verdicts are labels, and candidates of policies run in shadow.

Revision ID: 0017
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0017"
down_revision: str | None = "0016"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

GRANTS = (
    "GRANT UPDATE (expires_at) ON transfers TO venmo_app",
    "GRANT SELECT, INSERT ON risk_labels TO venmo_app",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON risk_shadows, risk_shadow_changes TO venmo_app",
)


def upgrade() -> None:
    op.create_index("ix_transfers_held", "transfers", ["id"], postgresql_where=sa.text("status = 'held'"))
    _create_labels()
    _create_shadows()
    for statement in GRANTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("risk_shadow_changes", "risk_shadows", "risk_labels"):
        op.drop_table(table)
    op.execute("REVOKE UPDATE (expires_at) ON transfers FROM venmo_app")
    op.drop_index("ix_transfers_held", table_name="transfers", postgresql_where=sa.text("status = 'held'"))


def _create_labels() -> None:
    op.create_table(
        "risk_labels",
        sa.Column("tx_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("fraud", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("maker_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("source IN ('verdict', 'bank_return', 'chargeback')", name=op.f("ck_risk_labels_source")),
        sa.PrimaryKeyConstraint("tx_id", "source", name=op.f("pk_risk_labels")),
    )
    op.create_index(op.f("ix_risk_labels_at"), "risk_labels", ["at"])
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON risk_labels "
        "FOR EACH STATEMENT EXECUTE FUNCTION append_only()"
    )


def _create_shadows() -> None:
    op.create_table(
        "risk_shadows",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_id", sa.Uuid(), nullable=False, comment="all decisions up to this one were looked at"),
        sa.Column("seen", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("amount", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_risk_shadows")),
    )
    op.create_table(
        "risk_shadow_changes",
        sa.Column("shadow", sa.Text(), nullable=False),
        sa.Column("tx_id", sa.Uuid(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("was", sa.Text(), nullable=False),
        sa.Column("would", sa.Text(), nullable=False),
        sa.Column("reasons", postgresql.ARRAY(sa.Text()), nullable=False, comment="those that differ"),
        sa.ForeignKeyConstraint(
            ["shadow"],
            ["risk_shadows.name"],
            name=op.f("fk_risk_shadow_changes_shadow_risk_shadows"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("shadow", "tx_id", name=op.f("pk_risk_shadow_changes")),
    )
