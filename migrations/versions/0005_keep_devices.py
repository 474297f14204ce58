"""Devices, and what a session is known by; what a young device sends counts.

Revision ID: 0005
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

FLOWS = "kind IN ('sent', 'topped_up', 'cashed_out', 'sent_new_device')"
FLOWS_BEFORE = "kind IN ('sent', 'topped_up', 'cashed_out')"
# Who was signed in before stays so, each on a device of its own that nobody has the token of.
ADOPT = (
    """INSERT INTO devices (id, user_id, token_hash, name, created_at, used_at, unproved_since)
       SELECT id, user_id, sha256(gen_random_uuid()::text::bytea), 'unknown', created_at, created_at, NULL
       FROM sessions""",
    "UPDATE sessions SET device_id = id, authenticated_at = created_at, used_at = created_at",
)


def upgrade() -> None:
    op.create_table(
        "devices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("unproved_since", sa.DateTime(timezone=True), nullable=True, comment="no second factor vouched"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_devices_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_devices_token_hash")),
    )
    op.create_index(op.f("ix_devices_user_id"), "devices", ["user_id"], unique=False)
    op.add_column("sessions", sa.Column("device_id", sa.Uuid(), nullable=True))
    op.add_column("sessions", sa.Column("amr", sa.ARRAY(sa.Text()), server_default=sa.text("'{pwd}'"), nullable=False))
    op.add_column("sessions", sa.Column("authenticated_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("sessions", sa.Column("used_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("sessions", sa.Column("agent", sa.Text(), server_default=sa.text("'unknown'"), nullable=False))
    op.add_column("sessions", sa.Column("network", sa.Text(), server_default=sa.text("'unknown'"), nullable=False))
    for statement in ADOPT:
        op.execute(statement)
    for column in ("device_id", "authenticated_at", "used_at"):
        op.alter_column("sessions", column, nullable=False)
    for column in ("amr", "agent", "network"):
        op.alter_column("sessions", column, server_default=None)
    op.create_foreign_key(op.f("fk_sessions_device_id"), "sessions", "devices", ["device_id"], ["id"])
    op.create_index(op.f("ix_sessions_device_id"), "sessions", ["device_id"], unique=False)
    op.create_index(
        "ix_sessions_revoked_at",
        "sessions",
        ["revoked_at"],
        unique=False,
        postgresql_where=sa.text("revoked_at IS NOT NULL"),
    )
    op.create_index("ix_refresh_tokens_expires_at", "refresh_tokens", ["expires_at"], unique=False)
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON devices TO venmo_app")
    op.drop_constraint("ck_limit_uses_kind", "limit_uses")
    op.create_check_constraint(op.f("ck_limit_uses_kind"), "limit_uses", FLOWS)


def downgrade() -> None:
    op.execute("DELETE FROM limit_uses WHERE kind = 'sent_new_device'")
    op.drop_constraint("ck_limit_uses_kind", "limit_uses")
    op.create_check_constraint(op.f("ck_limit_uses_kind"), "limit_uses", FLOWS_BEFORE)
    op.drop_index("ix_refresh_tokens_expires_at", "refresh_tokens")
    op.drop_index("ix_sessions_revoked_at", "sessions")
    for column in ("network", "agent", "used_at", "authenticated_at", "amr", "device_id"):
        op.drop_column("sessions", column)
    op.drop_table("devices")
