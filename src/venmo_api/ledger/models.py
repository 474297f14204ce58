"""Tables of the ledger. Accounts hold the running truth; transactions and entries are append-only.

Beyond what stands here, migrations add what models cannot say: statement triggers that refuse transactions that do not
sum to zero, entries that do not meet their account's balance, version and moment, and held money without the holds that
say why; triggers that refuse update and delete; grants that leave the service only insert and select; and partitions.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, PrimaryKeyConstraint, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from venmo_api.adapters.postgres import Model


class Account(Model):
    """Amounts are cents. ``floor`` is how far below zero the balance may go (0 for people); ``held`` is authorised
    but not captured, and not spendable. ``moved_at`` is the moment of the last entry: times of an account never step
    back. ``owes`` says that the person's debt account is below zero, so money that comes in repays it first."""

    __tablename__ = "ledger_accounts"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    balance: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    held: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    floor: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    version: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    owes: Mapped[bool] = mapped_column(server_default=text("false"))
    moved_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("kind IN ('wallet', 'bank', 'fees', 'debt')", name="kind"),
        CheckConstraint("held >= 0 AND balance - held >= floor", name="floor"),
        CheckConstraint("kind <> 'wallet' OR floor = 0", name="wallet"),
        CheckConstraint("kind <> 'debt' OR (balance <= 0 AND held = 0)", name="debt"),
        CheckConstraint("version >= 0", name="version"),
        # Room on each page, and no index on what changes, keeps balance updates in place (HOT).
        {"postgresql_with": {"fillfactor": "60", "autovacuum_vacuum_scale_factor": "0.02"}},
    )


class LedgerTransaction(Model):
    __tablename__ = "ledger_transactions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)

    __table_args__ = (
        CheckConstraint(
            "kind IN ('transfer', 'refund', 'top_up', 'funding', 'cash_out', 'advance', 'repayment')",
            name="kind",
        ),
        {"postgresql_partition_by": "RANGE (created_at)"},
    )


class LedgerEntry(Model):
    """One side of a transaction: ``amount`` cents into (positive) or out of (negative) an account, and the balance
    and version the account then had. ``at`` is the moment of the transaction."""

    __tablename__ = "ledger_entries"

    account_id: Mapped[UUID] = mapped_column()
    version: Mapped[int] = mapped_column(BigInteger)
    transaction_id: Mapped[UUID] = mapped_column(index=True)
    amount: Mapped[int] = mapped_column(BigInteger)
    balance_after: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        PrimaryKeyConstraint("account_id", "at", "version"),
        CheckConstraint("amount <> 0", name="amount"),
        CheckConstraint("version > 0", name="version"),
        {"postgresql_partition_by": "RANGE (at)"},
    )


class LedgerHold(Model):
    """Money of an account that is authorised and waits: captured in parts, or released. An account's ``held`` is what
    is left of its open holds."""

    __tablename__ = "ledger_holds"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column()
    amount: Mapped[int] = mapped_column(BigInteger)
    captured: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    open: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("captured BETWEEN 0 AND amount", name="captured"),
        Index("ix_ledger_holds_open", "account_id", postgresql_where=text("open")),
    )
