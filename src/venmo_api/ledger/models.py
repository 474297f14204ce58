"""Tables of the ledger. Accounts hold the running truth; transactions and entries are append-only.

Beyond what stands here, the first migration adds what models cannot say: a statement trigger that refuses
transactions that do not sum to zero and entries that do not meet their account's balance and version, triggers that
refuse update and delete, and grants that leave the service only insert and select.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from venmo_api.adapters.postgres import Model


class Account(Model):
    """Amounts are cents. ``floor`` is how far below zero the balance may go (0 for people); ``held`` is authorised
    but not captured, and not spendable."""

    __tablename__ = "ledger_accounts"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    balance: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    held: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    floor: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    version: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("kind IN ('wallet', 'bank')", name="kind"),
        CheckConstraint("held >= 0 AND balance - held >= floor", name="floor"),
        CheckConstraint("version >= 0", name="version"),
        # Room on each page, and no index on what changes, keeps balance updates in place (HOT).
        {"postgresql_with": {"fillfactor": "60", "autovacuum_vacuum_scale_factor": "0.02"}},
    )


class LedgerTransaction(Model):
    __tablename__ = "ledger_transactions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("kind IN ('transfer', 'top_up')", name="kind"),
        Index("ix_ledger_transactions_created_at", "created_at", postgresql_using="brin"),
    )


class LedgerEntry(Model):
    """One side of a transaction: ``amount`` cents into (positive) or out of (negative) an account, and the balance
    and version the account then had."""

    __tablename__ = "ledger_entries"

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    transaction_id: Mapped[UUID] = mapped_column(index=True)
    amount: Mapped[int] = mapped_column(BigInteger)
    balance_after: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (CheckConstraint("amount <> 0", name="amount"), CheckConstraint("version > 0", name="version"))
