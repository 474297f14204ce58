"""Tables and columns of requests, splits, holds, limits, fees, refunds and the sandbox."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# Alembic does not compare CHECK constraints: what they say now, and what they said.
CHECKS = {
    ("ledger_accounts", "kind"): ("kind IN ('wallet', 'bank', 'fees', 'debt')", "kind IN ('wallet', 'bank')"),
    ("ledger_accounts", "wallet"): ("kind <> 'wallet' OR floor = 0", None),
    ("ledger_accounts", "debt"): ("kind <> 'debt' OR (balance <= 0 AND held = 0)", None),
    ("ledger_transactions", "kind"): (
        "kind IN ('transfer', 'refund', 'top_up', 'funding', 'cash_out', 'advance', 'repayment')",
        "kind IN ('transfer', 'top_up')",
    ),
    ("funding_sources", "type"): ("type IN ('bank', 'card')", "type IN ('bank')"),
    ("transfers", "status"): (
        "status IN ('pending', 'settled', 'held', 'cancelled', 'failed', 'expired')",
        "status IN ('settled')",
    ),
    ("transfers", "fees"): ("fee >= 0 AND seller_fee >= 0 AND seller_fee < amount", None),
    ("transfers", "contact"): ("(contact IS NULL) = (contact_kind IS NULL)", None),
    ("transfers", "recipient"): (
        "recipient_id IS NOT NULL OR (contact IS NOT NULL AND status <> 'settled')",
        None,
    ),
    ("transfers", "refunded"): ("refunded BETWEEN 0 AND amount", None),
    ("transfers", "refund_of_refund"): ("refund_of IS NULL OR refunded = 0", None),
}


def _check(which: int) -> None:
    for (table, name), said in CHECKS.items():
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS ck_{table}_{name}")
        if said[which] is not None:
            op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{name} CHECK ({said[which]})")


def upgrade() -> None:
    op.create_table(
        "fundings",
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("ledger_transaction_id", sa.Uuid(), nullable=False, comment="under which the charged money comes in"),
        sa.Column("funding_source_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, comment="when a job asks again"),
        sa.CheckConstraint("status IN ('pending', 'settled', 'failed')", name=op.f("ck_fundings_status")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_fundings_amount")),
        sa.PrimaryKeyConstraint("transfer_id", name=op.f("pk_fundings")),
    )
    op.create_index(
        "ix_fundings_pending", "fundings", ["due_at"], unique=False, postgresql_where=sa.text("status = 'pending'")
    )
    op.create_table(
        "ledger_holds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("captured", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("open", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_ledger_holds_amount")),
        sa.CheckConstraint("captured BETWEEN 0 AND amount", name=op.f("ck_ledger_holds_captured")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_holds")),
    )
    op.create_index(
        "ix_ledger_holds_open", "ledger_holds", ["account_id"], unique=False, postgresql_where=sa.text("open")
    )
    op.create_table(
        "ledger_horizon",
        sa.Column("id", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("archived_through", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_ledger_horizon_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_horizon")),
    )
    op.create_table(
        "limit_uses",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('sent', 'topped_up', 'cashed_out')", name=op.f("ck_limit_uses_kind")),
        sa.CheckConstraint("amount > 0 AND total >= amount", name=op.f("ck_limit_uses_amount")),
        sa.PrimaryKeyConstraint("user_id", "kind", "at", "total", name=op.f("pk_limit_uses")),
    )
    op.create_table(
        "payee_confirmations",
        sa.Column("sender_id", sa.Uuid(), nullable=False),
        sa.Column("recipient_id", sa.Uuid(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("wrong", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("wrong_since", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("sender_id", "recipient_id", name=op.f("pk_payee_confirmations")),
    )
    op.create_table(
        "sandbox_bank_orders",
        sa.Column("reference", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_sandbox_bank_orders")),
    )
    op.create_table(
        "sandbox_clock",
        sa.Column("id", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("ahead_microseconds", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("ahead_microseconds >= 0", name=op.f("ck_sandbox_clock_ahead_microseconds")),
        sa.CheckConstraint("id = 1", name=op.f("ck_sandbox_clock_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sandbox_clock")),
    )
    op.create_table(
        "sandbox_messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("channel IN ('email', 'phone')", name=op.f("ck_sandbox_messages_channel")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sandbox_messages")),
    )
    op.create_index("ix_sandbox_messages_user_id_id", "sandbox_messages", ["user_id", "id"], unique=False)
    op.create_table(
        "contact_codes",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("wrong", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "codes",
            sa.SmallInteger(),
            server_default=sa.text("1"),
            nullable=False,
            comment="sent so far, none was right",
        ),
        sa.CheckConstraint("kind IN ('email', 'phone')", name=op.f("ck_contact_codes_kind")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_contact_codes_user_id")),
        sa.PrimaryKeyConstraint("user_id", "kind", name=op.f("pk_contact_codes")),
    )
    op.create_table(
        "holds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payer_id", sa.Uuid(), nullable=False),
        sa.Column("payee_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("captured", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(status = 'held') = (ended_at IS NULL)", name=op.f("ck_holds_ended")),
        sa.CheckConstraint("audience IN ('private', 'friends', 'public')", name=op.f("ck_holds_audience")),
        sa.CheckConstraint("status IN ('held', 'settled', 'cancelled', 'expired')", name=op.f("ck_holds_status")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_holds_amount")),
        sa.CheckConstraint("captured BETWEEN 0 AND amount", name=op.f("ck_holds_captured")),
        sa.CheckConstraint("payer_id <> payee_id", name=op.f("ck_holds_parties")),
        sa.ForeignKeyConstraint(["payee_id"], ["users.id"], name=op.f("fk_holds_payee_id")),
        sa.ForeignKeyConstraint(["payer_id"], ["users.id"], name=op.f("fk_holds_payer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
    )
    op.create_index(
        "ix_holds_expires_at", "holds", ["expires_at"], unique=False, postgresql_where=sa.text("status = 'held'")
    )
    op.create_index("ix_holds_payee_id_id", "holds", ["payee_id", "id"], unique=False)
    op.create_index("ix_holds_payer_id_id", "holds", ["payer_id", "id"], unique=False)
    op.create_table(
        "splits",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("creator_id", sa.Uuid(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("own_share", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("method IN ('equal', 'exact', 'shares')", name=op.f("ck_splits_method")),
        sa.CheckConstraint("total > 0 AND own_share BETWEEN 0 AND total", name=op.f("ck_splits_total")),
        sa.ForeignKeyConstraint(["creator_id"], ["users.id"], name=op.f("fk_splits_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_splits")),
    )
    op.create_index("ix_splits_creator_id_id", "splits", ["creator_id", "id"], unique=False)
    op.create_table(
        "cash_outs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("funding_source_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("speed", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, comment="when a job asks the bank again"),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("speed IN ('standard', 'instant')", name=op.f("ck_cash_outs_speed")),
        sa.CheckConstraint("status IN ('pending', 'settled', 'failed')", name=op.f("ck_cash_outs_status")),
        sa.CheckConstraint("fee >= 0 AND amount > fee", name=op.f("ck_cash_outs_amount")),
        sa.ForeignKeyConstraint(
            ["funding_source_id"], ["funding_sources.id"], name=op.f("fk_cash_outs_funding_source_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_cash_outs_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cash_outs")),
    )
    op.create_index(
        "ix_cash_outs_pending", "cash_outs", ["due_at"], unique=False, postgresql_where=sa.text("status = 'pending'")
    )
    op.create_index("ix_cash_outs_user_id_id", "cash_outs", ["user_id", "id"], unique=False)
    op.create_table(
        "payment_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("requester_id", sa.Uuid(), nullable=False),
        sa.Column("payer_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("split_id", sa.Uuid(), nullable=True),
        sa.Column("transfer_id", sa.Uuid(), nullable=True),
        sa.Column("reminders", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("(status = 'pending') = (ended_at IS NULL)", name=op.f("ck_payment_requests_ended")),
        sa.CheckConstraint(
            "(status = 'settled') = (transfer_id IS NOT NULL)", name=op.f("ck_payment_requests_settled")
        ),
        sa.CheckConstraint("audience IN ('private', 'friends', 'public')", name=op.f("ck_payment_requests_audience")),
        sa.CheckConstraint(
            "status IN ('pending', 'settled', 'cancelled', 'expired')", name=op.f("ck_payment_requests_status")
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_payment_requests_amount")),
        sa.CheckConstraint("requester_id <> payer_id", name=op.f("ck_payment_requests_parties")),
        sa.ForeignKeyConstraint(["payer_id"], ["users.id"], name=op.f("fk_payment_requests_payer_id")),
        sa.ForeignKeyConstraint(["requester_id"], ["users.id"], name=op.f("fk_payment_requests_requester_id")),
        sa.ForeignKeyConstraint(["split_id"], ["splits.id"], name=op.f("fk_payment_requests_split_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_requests")),
        sa.UniqueConstraint("transfer_id", name=op.f("uq_payment_requests_transfer_id")),
    )
    op.create_index(
        "ix_payment_requests_expires_at",
        "payment_requests",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index("ix_payment_requests_payer_id_id", "payment_requests", ["payer_id", "id"], unique=False)
    op.create_index("ix_payment_requests_requester_id_id", "payment_requests", ["requester_id", "id"], unique=False)
    op.create_index(op.f("ix_payment_requests_split_id"), "payment_requests", ["split_id"], unique=False)
    op.add_column("identifiers", sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("ledger_accounts", sa.Column("owes", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("ledger_accounts", sa.Column("moved_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_top_ups_user_id_id", "top_ups", ["user_id", "id"], unique=False)
    op.add_column("transfers", sa.Column("contact_kind", sa.Text(), nullable=True))
    op.add_column("transfers", sa.Column("contact", sa.Text(), nullable=True))
    op.add_column("transfers", sa.Column("fee", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column("transfers", sa.Column("seller_fee", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column("transfers", sa.Column("refunded", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column(
        "transfers", sa.Column("goods_and_services", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("transfers", sa.Column("refund_of", sa.Uuid(), nullable=True))
    op.add_column(
        "transfers", sa.Column("hold_id", sa.Uuid(), nullable=True, comment="the authorisation this captures")
    )
    op.add_column(
        "transfers", sa.Column("request_id", sa.Uuid(), nullable=True, comment="the payment request this settles")
    )
    op.add_column(
        "transfers",
        sa.Column("likeness", sa.BigInteger(), nullable=True, comment="a hash: equal for payments that look alike"),
    )
    op.add_column("transfers", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "transfers",
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True, comment="when it ceased to be pending"),
    )
    op.alter_column("transfers", "recipient_id", existing_type=sa.UUID(), nullable=True)
    op.create_index(
        "ix_transfers_contact", "transfers", ["contact"], unique=False, postgresql_where=sa.text("status = 'pending'")
    )
    op.create_index(
        "ix_transfers_expires_at",
        "transfers",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        "ix_transfers_likeness",
        "transfers",
        [sa.literal_column("date_trunc('hour', created_at AT TIME ZONE 'UTC')"), "likeness"],
        unique=False,
        postgresql_where=sa.text("likeness IS NOT NULL"),
    )
    op.create_index(
        "ix_transfers_refund_of",
        "transfers",
        ["refund_of"],
        unique=False,
        postgresql_where=sa.text("refund_of IS NOT NULL"),
    )
    op.add_column(
        "users", sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True, comment="identity, not contacts")
    )
    op.add_column(
        "users", sa.Column("pay_code", sa.Text(), nullable=True, comment="what the QR code of this person holds")
    )
    op.create_unique_constraint(op.f("uq_users_pay_code"), "users", ["pay_code"])
    _check(0)


def downgrade() -> None:
    _check(1)
    op.drop_constraint(op.f("uq_users_pay_code"), "users", type_="unique")
    op.drop_column("users", "pay_code")
    op.drop_column("users", "verified_at")
    op.drop_index("ix_transfers_refund_of", table_name="transfers", postgresql_where=sa.text("refund_of IS NOT NULL"))
    op.drop_index("ix_transfers_likeness", table_name="transfers", postgresql_where=sa.text("likeness IS NOT NULL"))
    op.drop_index("ix_transfers_expires_at", table_name="transfers", postgresql_where=sa.text("status = 'pending'"))
    op.drop_index("ix_transfers_contact", table_name="transfers", postgresql_where=sa.text("status = 'pending'"))
    op.alter_column("transfers", "recipient_id", existing_type=sa.UUID(), nullable=False)
    op.drop_column("transfers", "ended_at")
    op.drop_column("transfers", "expires_at")
    op.drop_column("transfers", "likeness")
    op.drop_column("transfers", "request_id")
    op.drop_column("transfers", "hold_id")
    op.drop_column("transfers", "refund_of")
    op.drop_column("transfers", "goods_and_services")
    op.drop_column("transfers", "refunded")
    op.drop_column("transfers", "seller_fee")
    op.drop_column("transfers", "fee")
    op.drop_column("transfers", "contact")
    op.drop_column("transfers", "contact_kind")
    op.drop_index("ix_top_ups_user_id_id", table_name="top_ups")
    op.drop_column("ledger_accounts", "moved_at")
    op.drop_column("ledger_accounts", "owes")
    op.drop_column("identifiers", "verified_at")
    op.drop_index(op.f("ix_payment_requests_split_id"), table_name="payment_requests")
    op.drop_index("ix_payment_requests_requester_id_id", table_name="payment_requests")
    op.drop_index("ix_payment_requests_payer_id_id", table_name="payment_requests")
    op.drop_index(
        "ix_payment_requests_expires_at", table_name="payment_requests", postgresql_where=sa.text("status = 'pending'")
    )
    op.drop_table("payment_requests")
    op.drop_index("ix_cash_outs_user_id_id", table_name="cash_outs")
    op.drop_index("ix_cash_outs_pending", table_name="cash_outs", postgresql_where=sa.text("status = 'pending'"))
    op.drop_table("cash_outs")
    op.drop_index("ix_splits_creator_id_id", table_name="splits")
    op.drop_table("splits")
    op.drop_index("ix_holds_payer_id_id", table_name="holds")
    op.drop_index("ix_holds_payee_id_id", table_name="holds")
    op.drop_index("ix_holds_expires_at", table_name="holds", postgresql_where=sa.text("status = 'held'"))
    op.drop_table("holds")
    op.drop_table("contact_codes")
    op.drop_index("ix_sandbox_messages_user_id_id", table_name="sandbox_messages")
    op.drop_table("sandbox_messages")
    op.drop_table("sandbox_clock")
    op.drop_table("sandbox_bank_orders")
    op.drop_table("payee_confirmations")
    op.drop_table("limit_uses")
    op.drop_index("ix_ledger_holds_open", table_name="ledger_holds", postgresql_where=sa.text("open"))
    op.drop_table("ledger_holds")
    op.drop_table("ledger_horizon")
    op.drop_index("ix_fundings_pending", table_name="fundings", postgresql_where=sa.text("status = 'pending'"))
    op.drop_table("fundings")
