"""Guesses at secrets, counted.

Revision ID: 0009
"""

from collections.abc import Sequence

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Filled in by engineer 5."""


def downgrade() -> None:
    """Filled in by engineer 5."""
