"""Keys of people, and sealed addresses and numbers beside their blind indexes.

Revision ID: 0008
"""

from collections.abc import Sequence

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Filled in by engineer 4."""


def downgrade() -> None:
    """Filled in by engineer 4."""
