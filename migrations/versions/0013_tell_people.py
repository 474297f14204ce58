"""The inbox, preferences and push tokens.

Revision ID: 0013
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

CHANGED = ("notifications", "notification_sends", "notification_preferences")
TABLES = (*CHANGED, "push_tokens")
CHANNELS = "channel IN ('email', 'phone', 'push')"
CHANNELS_BEFORE = "channel IN ('email', 'phone')"


def upgrade() -> None:
    op.create_table(
        "notifications",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("comment_id", sa.Uuid(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True, comment="an emoji, or a word of ours"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(amount IS NULL) = (currency IS NULL)", name=op.f("ck_notifications_amount")),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_notifications")),
        sa.UniqueConstraint("user_id", "key", name=op.f("uq_notifications_user_id_key")),
    )
    op.create_index(
        "ix_notifications_unread", "notifications", ["user_id", "id"], postgresql_where=sa.text("read_at IS NULL")
    )
    op.create_index("ix_notifications_created_at", "notifications", ["created_at"], postgresql_using="brin")
    op.create_table(
        "inbox_head",
        sa.Column("one", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("last_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("one = 1", name=op.f("ck_inbox_head_one")),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_inbox_head")),
    )
    op.execute("INSERT INTO inbox_head (last_id) VALUES ('00000000-0000-0000-0000-000000000000')")
    op.create_table(
        "notification_sends",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("push", sa.Text(), nullable=True, comment="how much of it is told"),
        sa.Column("token_id", sa.Uuid(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("channel IN ('push', 'mail')", name=op.f("ck_notification_sends_channel")),
        sa.CheckConstraint(
            "num_nulls(push, token_id) = CASE channel WHEN 'push' THEN 0 ELSE 2 END",
            name=op.f("ck_notification_sends_push"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification_sends")),
    )
    op.create_index(op.f("ix_notification_sends_user_id"), "notification_sends", ["user_id"])
    op.create_index(op.f("ix_notification_sends_due_at"), "notification_sends", ["due_at"])
    _create_wishes()
    op.drop_constraint(op.f("ck_sandbox_messages_channel"), "sandbox_messages", type_="check")
    op.create_check_constraint(op.f("ck_sandbox_messages_channel"), "sandbox_messages", CHANNELS)
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(CHANGED)} TO venmo_app")
    op.execute("GRANT SELECT, INSERT, DELETE ON push_tokens TO venmo_app")
    op.execute("GRANT SELECT, UPDATE ON inbox_head TO venmo_app")


def _create_wishes() -> None:
    op.create_table(
        "notification_preferences",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("push", sa.Text(), nullable=False),
        sa.Column("mail", sa.Boolean(), nullable=False),
        sa.CheckConstraint("push IN ('off', 'brief', 'full')", name=op.f("ck_notification_preferences_push")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_notification_preferences_user_id_users")),
        sa.PrimaryKeyConstraint("user_id", "kind", name=op.f("pk_notification_preferences")),
    )
    op.create_table(
        "push_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False, comment="the token"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("platform IN ('apns', 'fcm')", name=op.f("ck_push_tokens_platform")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_push_tokens_user_id_users")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_push_tokens_session_id_sessions"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_push_tokens")),
        sa.UniqueConstraint("session_id", name=op.f("uq_push_tokens_session_id")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_push_tokens_token_hash")),
    )
    op.create_index(op.f("ix_push_tokens_user_id"), "push_tokens", ["user_id"])


def downgrade() -> None:
    op.execute("DELETE FROM sandbox_messages WHERE channel = 'push'")
    op.drop_constraint(op.f("ck_sandbox_messages_channel"), "sandbox_messages", type_="check")
    op.create_check_constraint(op.f("ck_sandbox_messages_channel"), "sandbox_messages", CHANNELS_BEFORE)
    for table in (*reversed(TABLES), "inbox_head"):
        op.drop_table(table)
