"""Second factors, sign-in challenges and approvals.

Revision ID: 0006
"""

from collections.abc import Sequence

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Filled in by engineer 2."""


def downgrade() -> None:
    """Filled in by engineer 2."""
