"""Tables of transfers. A transfer and its ledger transaction (or, while it is pending, its hold) carry the same id."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, LargeBinary, SmallInteger, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from venmo_api.adapters.postgres import Model

HOUR = "date_trunc('hour'::text, (created_at AT TIME ZONE 'UTC'::text))"


class TransferRow(Model):
    """A payment, or with ``refund_of`` money going back.

    ``fee`` is what the sender pays on top (a card's), ``seller_fee`` what leaves the recipient's part (goods and
    services). A pending transfer has no recipient but a ``contact``, kept as its blind index: the first to prove it is
    theirs gets the money.
    ``refunded`` is the sum of the refunds of this transfer; a refund has none, so it cannot be refunded.
    """

    __tablename__ = "transfers"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    sender_id: Mapped[UUID] = mapped_column()
    recipient_id: Mapped[UUID | None] = mapped_column()
    contact_kind: Mapped[str | None] = mapped_column(Text)
    contact: Mapped[str | None] = mapped_column(Text)
    contact_sealed: Mapped[bytes | None] = mapped_column(LargeBinary, comment="under the sender's key")
    amount: Mapped[int] = mapped_column(BigInteger)
    fee: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    seller_fee: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    refunded: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    currency: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)
    audience: Mapped[str] = mapped_column(Text)
    goods_and_services: Mapped[bool] = mapped_column(server_default=text("false"))
    status: Mapped[str] = mapped_column(Text)
    refund_of: Mapped[UUID | None] = mapped_column()
    hold_id: Mapped[UUID | None] = mapped_column(comment="the authorisation this captures")
    request_id: Mapped[UUID | None] = mapped_column(comment="the payment request this settles")
    likeness: Mapped[int | None] = mapped_column(BigInteger, comment="a hash: equal for payments that look alike")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), comment="when it ceased to be pending")

    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("fee >= 0 AND seller_fee >= 0 AND seller_fee < amount", name="fees"),
        CheckConstraint("sender_id <> recipient_id", name="parties"),
        CheckConstraint("(contact IS NULL) = (contact_kind IS NULL)", name="contact"),
        CheckConstraint("recipient_id IS NOT NULL OR (contact IS NOT NULL AND status <> 'settled')", name="recipient"),
        CheckConstraint("audience IN ('private', 'friends', 'public')", name="audience"),
        CheckConstraint("status IN ('pending', 'settled', 'held', 'cancelled', 'failed', 'expired')", name="status"),
        CheckConstraint("refunded BETWEEN 0 AND amount", name="refunded"),
        CheckConstraint("refund_of IS NULL OR refunded = 0", name="refund_of_refund"),
        Index("ix_transfers_sender_id_id", "sender_id", "id"),
        Index("ix_transfers_recipient_id_id", "recipient_id", "id"),
        # By the hour first: a hash alone would touch a page anywhere in the index for every payment.
        Index("ix_transfers_likeness", text(HOUR), "likeness", postgresql_where=text("likeness IS NOT NULL")),
        Index("ix_transfers_refund_of", "refund_of", postgresql_where=text("refund_of IS NOT NULL")),
        Index("ix_transfers_contact", "contact", postgresql_where=text("status = 'pending'")),
        Index("ix_transfers_expires_at", "expires_at", postgresql_where=text("status = 'pending'")),
        Index("ix_transfers_held", "id", postgresql_where=text("status = 'held'")),
    )


class Funding(Model):
    """The part of a payment that a card or bank pays: written down before it is asked. ``amount`` is what it is
    charged in all; the transfer is pending, and the balance's part is held, until it has answered."""

    __tablename__ = "fundings"

    transfer_id: Mapped[UUID] = mapped_column(primary_key=True)
    ledger_transaction_id: Mapped[UUID] = mapped_column(comment="under which the charged money comes in")
    funding_source_id: Mapped[UUID] = mapped_column()
    amount: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(Text)
    route: Mapped[str] = mapped_column(Text)
    idempotency_key: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    request_id: Mapped[str] = mapped_column(Text)
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), comment="when a job asks again")

    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("status IN ('pending', 'settled', 'failed')", name="status"),
        Index("ix_fundings_pending", "due_at", postgresql_where=text("status = 'pending'")),
    )


class PayeeConfirmation(Model):
    """Whether a sender has proved to know a payee, and how often they named wrong digits of the payee's phone."""

    __tablename__ = "payee_confirmations"

    sender_id: Mapped[UUID] = mapped_column(primary_key=True)
    recipient_id: Mapped[UUID] = mapped_column(primary_key=True)
    confirmed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    wrong: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    wrong_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
