"""Blocks, who may see friend lists, who may be found.

Revision ID: 0011
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

PURPOSES = "purpose IN ('wrapping', 'index', 'standing')"
PURPOSES_BEFORE = "purpose IN ('wrapping', 'index')"


def upgrade() -> None:
    op.drop_constraint(op.f("ck_data_keys_purpose"), "data_keys", type_="check")
    op.create_check_constraint(op.f("ck_data_keys_purpose"), "data_keys", PURPOSES)


def downgrade() -> None:
    op.drop_constraint(op.f("ck_data_keys_purpose"), "data_keys", type_="check")
    op.execute("DELETE FROM data_keys WHERE purpose = 'standing'")
    op.create_check_constraint(op.f("ck_data_keys_purpose"), "data_keys", PURPOSES_BEFORE)
