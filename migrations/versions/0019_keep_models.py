"""Models are kept, and which of them scores.

Revision ID: 0019
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0019"
down_revision: str | None = "0018"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

APPEND_ONLY = ("risk_models", "risk_activations")
# The service proposes models; which of them scores is written by the owner of the schema, from the command line.
GRANTS = (
    "GRANT SELECT, INSERT ON risk_models TO venmo_app",
    "GRANT SELECT ON risk_activations TO venmo_app",
)


def upgrade() -> None:
    op.create_table(
        "risk_models",
        sa.Column("sha256", sa.LargeBinary(), nullable=False, comment="of the model's text"),
        sa.Column("features", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("specs", sa.LargeBinary(), nullable=False, comment="SHA-256 of what those features mean"),
        sa.Column("trained_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("known_until", sa.DateTime(timezone=True), nullable=False, comment="labels younger were not used"),
        sa.Column("report", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_risk_models")),
    )
    op.create_table(
        "risk_activations",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=True, comment="null: rules alone"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["sha256"], ["risk_models.sha256"], name=op.f("fk_risk_activations_sha256_risk_models")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_risk_activations")),
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION append_only()"
        )
    for statement in GRANTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("risk_activations", "risk_models"):
        op.drop_table(table)
