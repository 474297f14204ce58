"""Devices, and what a session is known by.

Revision ID: 0005
"""

from collections.abc import Sequence

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Filled in by engineer 1."""


def downgrade() -> None:
    """Filled in by engineer 1."""
