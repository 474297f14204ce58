"""The audit trail, its chain, and who is staff.

Revision ID: 0010
"""

from collections.abc import Sequence

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Filled in by engineer 6."""


def downgrade() -> None:
    """Filled in by engineer 6."""
