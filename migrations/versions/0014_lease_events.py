"""The outbox is claimed by lease.

Revision ID: 0014
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("outbox_queue", sa.Column("lease_id", sa.Uuid(), nullable=True))
    op.add_column(
        "outbox_queue",
        sa.Column(
            "leased_until", sa.DateTime(timezone=True), nullable=True, comment="by the database's clock, one for all"
        ),
    )
    # Each row is updated once before it is deleted: with room in its page that touches no index.
    op.execute("ALTER TABLE outbox_queue SET (fillfactor = 50)")


def downgrade() -> None:
    op.execute("ALTER TABLE outbox_queue RESET (fillfactor)")
    op.drop_column("outbox_queue", "leased_until")
    op.drop_column("outbox_queue", "lease_id")
