"""Keys of people, and sealed addresses and numbers beside their blind indexes.

What was stored in clear before stays until `venmo-api migrate` (or `keys re-encrypt`) has sealed it: SQL has no keys.

Revision ID: 0008
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

SOURCE_COLUMNS = ("token", "label", "last4")
GRANTS = (
    "GRANT SELECT, INSERT ON data_keys TO venmo_app",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON person_keys TO venmo_app",
    "GRANT UPDATE (sealed, token, label, last4) ON funding_sources TO venmo_app",
    "GRANT UPDATE (contact, contact_sealed) ON transfers TO venmo_app",
    "GRANT DELETE ON credentials TO venmo_app",
)


def upgrade() -> None:
    op.create_table(
        "data_keys",
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("active_at", sa.DateTime(timezone=True), nullable=False, comment="when writers begin to use it"),
        sa.CheckConstraint("purpose IN ('wrapping', 'index')", name=op.f("ck_data_keys_purpose")),
        sa.PrimaryKeyConstraint("purpose", "number", name=op.f("pk_data_keys")),
    )
    op.create_table(
        "person_keys",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("wrapped_by", sa.Integer(), nullable=False, comment="number of the wrapping key"),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_person_keys_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_person_keys")),
    )
    op.create_index(op.f("ix_person_keys_wrapped_by"), "person_keys", ["wrapped_by"], unique=False)
    op.add_column(
        "identifiers",
        sa.Column("sealed", sa.LargeBinary(), nullable=True, comment="a contact, under its person's key"),
    )
    op.add_column(
        "transfers",
        sa.Column("contact_sealed", sa.LargeBinary(), nullable=True, comment="under the sender's key"),
    )
    op.add_column(
        "funding_sources",
        sa.Column("sealed", sa.LargeBinary(), nullable=True, comment="token, label and last4, as JSON"),
    )
    for column in SOURCE_COLUMNS:
        op.alter_column("funding_sources", column, existing_type=sa.Text(), nullable=True)
    op.create_check_constraint(
        op.f("ck_funding_sources_sealed"),
        "funding_sources",
        "(sealed IS NULL) = (token IS NOT NULL AND label IS NOT NULL AND last4 IS NOT NULL)",
    )
    # A table of the migration before this: nothing was ever in it.
    op.drop_column("contact_changes", "address")
    op.add_column("contact_changes", sa.Column("sealed", sa.LargeBinary(), nullable=False, comment="the address"))
    op.add_column("users", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    for statement in GRANTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("REVOKE DELETE ON credentials FROM venmo_app")
    op.execute("REVOKE UPDATE (contact, contact_sealed) ON transfers FROM venmo_app")
    op.execute("REVOKE UPDATE (sealed, token, label, last4) ON funding_sources FROM venmo_app")
    op.drop_column("users", "erased_at")
    op.drop_column("contact_changes", "sealed")
    op.add_column("contact_changes", sa.Column("address", sa.Text(), nullable=False))
    op.drop_constraint(op.f("ck_funding_sources_sealed"), "funding_sources", type_="check")
    for column in SOURCE_COLUMNS:
        op.alter_column("funding_sources", column, existing_type=sa.Text(), nullable=False)
    op.drop_column("funding_sources", "sealed")
    op.drop_column("transfers", "contact_sealed")
    op.drop_column("identifiers", "sealed")
    op.drop_index(op.f("ix_person_keys_wrapped_by"), table_name="person_keys")
    op.drop_table("person_keys")
    op.drop_table("data_keys")
