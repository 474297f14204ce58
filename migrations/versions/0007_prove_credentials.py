"""Password resets, changes of contacts, and contacts that are claimed but not proved.

Revision ID: 0007
"""

from collections.abc import Sequence

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Filled in by engineer 3."""


def downgrade() -> None:
    """Filled in by engineer 3."""
