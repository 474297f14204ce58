"""Password resets, changes of contacts, and contacts that are claimed but not proved.

Revision ID: 0007
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

PROVED = ("uq_identifiers_proved", ["kind", "value"], "kind = 'username' OR verified_at IS NOT NULL")
OWN_PROVED = ("uq_identifiers_own_proved", ["user_id", "kind"], "verified_at IS NOT NULL")
OWN_CLAIMED = ("uq_identifiers_own_claimed", ["user_id", "kind"], "verified_at IS NULL")

# Before, one person only could claim a contact, and each had one of a kind: the proved one is kept, else the oldest.
KEEP_ONE_CLAIM = """
    DELETE FROM identifiers a USING identifiers b
    WHERE a.kind <> 'username' AND a.verified_at IS NULL AND a.kind = b.kind
      AND (a.user_id = b.user_id AND b.verified_at IS NOT NULL
           OR a.value = b.value AND a.user_id <> b.user_id AND (b.verified_at IS NOT NULL OR a.user_id > b.user_id))
"""


def upgrade() -> None:
    op.drop_constraint("pk_identifiers", "identifiers", type_="primary")
    op.create_primary_key("pk_identifiers", "identifiers", ["kind", "value", "user_id"])
    for name, columns, where in (PROVED, OWN_PROVED, OWN_CLAIMED):
        op.create_index(name, "identifiers", columns, unique=True, postgresql_where=sa.text(where))
    _codes_are_for("'email', 'phone', 'password'")
    op.create_table(
        "contact_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('email', 'phone')", name=op.f("ck_contact_changes_kind")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_contact_changes_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_changes")),
    )
    op.create_index(op.f("ix_contact_changes_user_id"), "contact_changes", ["user_id"])
    op.create_index(op.f("ix_contact_changes_changed_at"), "contact_changes", ["changed_at"])
    op.execute("GRANT SELECT, INSERT, DELETE ON contact_changes TO venmo_app")
    op.execute("GRANT DELETE ON identifiers TO venmo_app")


def downgrade() -> None:
    op.execute("REVOKE DELETE ON identifiers FROM venmo_app")
    op.drop_table("contact_changes")
    op.execute("DELETE FROM contact_codes WHERE kind = 'password'")
    _codes_are_for("'email', 'phone'")
    for name, _, _ in (PROVED, OWN_PROVED, OWN_CLAIMED):
        op.drop_index(name, "identifiers")
    op.execute(KEEP_ONE_CLAIM)
    op.drop_constraint("pk_identifiers", "identifiers", type_="primary")
    op.create_primary_key("pk_identifiers", "identifiers", ["kind", "value"])


def _codes_are_for(kinds: str) -> None:
    op.drop_constraint(op.f("ck_contact_codes_kind"), "contact_codes", type_="check")
    op.create_check_constraint(op.f("ck_contact_codes_kind"), "contact_codes", f"kind IN ({kinds})")
