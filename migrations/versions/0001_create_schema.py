"""Create every table."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:

    op.create_table(
        "archive_manifests",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("transactions", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_archive_manifests")),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index("ix_events_created_at", "events", ["created_at"], unique=False, postgresql_using="brin")
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "route", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(
        "ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"], unique=False, postgresql_using="brin"
    )
    op.create_table(
        "job_runs",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("runs", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_job_runs")),
    )
    op.create_table(
        "ledger_accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("balance", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("held", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("floor", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('wallet', 'bank')", name=op.f("ck_ledger_accounts_kind")),
        sa.CheckConstraint("held >= 0 AND balance - held >= floor", name=op.f("ck_ledger_accounts_floor")),
        sa.CheckConstraint("version >= 0", name=op.f("ck_ledger_accounts_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_accounts")),
        postgresql_with={"fillfactor": "60", "autovacuum_vacuum_scale_factor": "0.02"},
    )
    op.create_table(
        "ledger_entries",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("balance_after", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_ledger_entries_amount")),
        sa.CheckConstraint("version > 0", name=op.f("ck_ledger_entries_version")),
        sa.PrimaryKeyConstraint("account_id", "version", name=op.f("pk_ledger_entries")),
    )
    op.create_index(op.f("ix_ledger_entries_transaction_id"), "ledger_entries", ["transaction_id"], unique=False)
    op.create_table(
        "ledger_transactions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('transfer', 'top_up')", name=op.f("ck_ledger_transactions_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_transactions")),
    )
    op.create_index(
        "ix_ledger_transactions_created_at",
        "ledger_transactions",
        ["created_at"],
        unique=False,
        postgresql_using="brin",
    )
    op.create_table(
        "outbox_queue",
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column(
            "subject_id", sa.Uuid(), nullable=False, comment="who did it: they are shown it before it is delivered"
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("parked", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_outbox_queue")),
        postgresql_with={"autovacuum_vacuum_scale_factor": "0.01", "autovacuum_vacuum_cost_delay": "0"},
    )
    op.create_index(
        "ix_outbox_queue_parked", "outbox_queue", ["position"], unique=False, postgresql_where=sa.text("parked")
    )
    op.create_index(op.f("ix_outbox_queue_subject_id"), "outbox_queue", ["subject_id"], unique=False)
    op.create_table(
        "stories",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("likes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("comments", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("action IN ('paid')", name=op.f("ck_stories_action")),
        sa.CheckConstraint("audience IN ('private', 'friends', 'public')", name=op.f("ck_stories_audience")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stories")),
    )
    op.create_index("ix_stories_actor_id_id", "stories", ["actor_id", "id"], unique=False)
    op.create_index(
        "ix_stories_public", "stories", ["id"], unique=False, postgresql_where=sa.text("audience = 'public'")
    )
    op.create_index("ix_stories_target_id_id", "stories", ["target_id", "id"], unique=False)
    op.create_table(
        "transfers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sender_id", sa.Uuid(), nullable=False),
        sa.Column("recipient_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("audience IN ('private', 'friends', 'public')", name=op.f("ck_transfers_audience")),
        sa.CheckConstraint("status IN ('settled')", name=op.f("ck_transfers_status")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_transfers_amount")),
        sa.CheckConstraint("sender_id <> recipient_id", name=op.f("ck_transfers_parties")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfers")),
    )
    op.create_index("ix_transfers_recipient_id_id", "transfers", ["recipient_id", "id"], unique=False)
    op.create_index("ix_transfers_sender_id_id", "transfers", ["sender_id", "id"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("avatar_url", sa.Text(), nullable=True),
        sa.Column("default_audience", sa.Text(), server_default=sa.text("'friends'"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "default_audience IN ('private', 'friends', 'public')", name=op.f("ck_users_default_audience")
        ),
        sa.CheckConstraint("username ~ '^[a-z0-9_-]{3,30}$'", name=op.f("ck_users_username")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("username", name=op.f("uq_users_username")),
    )
    op.create_index(
        "ix_users_name_prefix",
        "users",
        [sa.literal_column("lower(display_name)").label("name")],
        unique=False,
        postgresql_ops={"name": "text_pattern_ops"},
    )
    op.create_index(
        "ix_users_username_prefix", "users", ["username"], unique=False, postgresql_ops={"username": "text_pattern_ops"}
    )
    op.create_table(
        "credentials",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_credentials_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_credentials")),
    )
    op.create_table(
        "friendships",
        sa.Column("low_id", sa.Uuid(), nullable=False),
        sa.Column("high_id", sa.Uuid(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("asked_by IN (low_id, high_id)", name=op.f("ck_friendships_asked_by")),
        sa.CheckConstraint("low_id < high_id", name=op.f("ck_friendships_order")),
        sa.ForeignKeyConstraint(["high_id"], ["users.id"], name=op.f("fk_friendships_high_id")),
        sa.ForeignKeyConstraint(["low_id"], ["users.id"], name=op.f("fk_friendships_low_id")),
        sa.PrimaryKeyConstraint("low_id", "high_id", name=op.f("pk_friendships")),
    )
    op.create_index(op.f("ix_friendships_high_id"), "friendships", ["high_id"], unique=False)
    op.create_table(
        "funding_sources",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("last4", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("type IN ('bank')", name=op.f("ck_funding_sources_type")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_funding_sources_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_funding_sources")),
    )
    op.create_index(op.f("ix_funding_sources_user_id"), "funding_sources", ["user_id"], unique=False)
    op.create_table(
        "identifiers",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("kind IN ('username', 'email', 'phone')", name=op.f("ck_identifiers_kind")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_identifiers_user_id")),
        sa.PrimaryKeyConstraint("kind", "value", name=op.f("pk_identifiers")),
    )
    op.create_index(op.f("ix_identifiers_user_id"), "identifiers", ["user_id"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"], unique=False)
    op.create_table(
        "refresh_tokens",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_refresh_tokens_session_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_refresh_tokens")),
    )
    op.create_index(op.f("ix_refresh_tokens_session_id"), "refresh_tokens", ["session_id"], unique=False)
    op.create_table(
        "top_ups",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("funding_source_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, comment="when a job asks the bank again"),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status IN ('pending', 'settled', 'failed')", name=op.f("ck_top_ups_status")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_top_ups_amount")),
        sa.ForeignKeyConstraint(
            ["funding_source_id"], ["funding_sources.id"], name=op.f("fk_top_ups_funding_source_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_top_ups_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_top_ups")),
    )
    op.create_index(
        "ix_top_ups_pending", "top_ups", ["user_id"], unique=False, postgresql_where=sa.text("status = 'pending'")
    )


def downgrade() -> None:

    op.drop_index("ix_top_ups_pending", table_name="top_ups", postgresql_where=sa.text("status = 'pending'"))
    op.drop_table("top_ups")
    op.drop_index(op.f("ix_refresh_tokens_session_id"), table_name="refresh_tokens")
    op.drop_table("refresh_tokens")
    op.drop_index(op.f("ix_sessions_user_id"), table_name="sessions")
    op.drop_table("sessions")
    op.drop_index(op.f("ix_identifiers_user_id"), table_name="identifiers")
    op.drop_table("identifiers")
    op.drop_index(op.f("ix_funding_sources_user_id"), table_name="funding_sources")
    op.drop_table("funding_sources")
    op.drop_index(op.f("ix_friendships_high_id"), table_name="friendships")
    op.drop_table("friendships")
    op.drop_table("credentials")
    op.drop_index("ix_users_username_prefix", table_name="users", postgresql_ops={"username": "text_pattern_ops"})
    op.drop_index("ix_users_name_prefix", table_name="users", postgresql_ops={"name": "text_pattern_ops"})
    op.drop_table("users")
    op.drop_index("ix_transfers_sender_id_id", table_name="transfers")
    op.drop_index("ix_transfers_recipient_id_id", table_name="transfers")
    op.drop_table("transfers")
    op.drop_index("ix_stories_target_id_id", table_name="stories")
    op.drop_index("ix_stories_public", table_name="stories", postgresql_where=sa.text("audience = 'public'"))
    op.drop_index("ix_stories_actor_id_id", table_name="stories")
    op.drop_table("stories")
    op.drop_index(op.f("ix_outbox_queue_subject_id"), table_name="outbox_queue")
    op.drop_index("ix_outbox_queue_parked", table_name="outbox_queue", postgresql_where=sa.text("parked"))
    op.drop_table("outbox_queue")
    op.drop_index("ix_ledger_transactions_created_at", table_name="ledger_transactions", postgresql_using="brin")
    op.drop_table("ledger_transactions")
    op.drop_index(op.f("ix_ledger_entries_transaction_id"), table_name="ledger_entries")
    op.drop_table("ledger_entries")
    op.drop_table("ledger_accounts")
    op.drop_table("job_runs")
    op.drop_index("ix_idempotency_keys_created_at", table_name="idempotency_keys", postgresql_using="brin")
    op.drop_table("idempotency_keys")
    op.drop_index("ix_events_created_at", table_name="events", postgresql_using="brin")
    op.drop_table("events")
    op.drop_table("archive_manifests")
