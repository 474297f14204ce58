"""Tables of identity: how people are found at sign-in, password hashes, devices, sessions and refresh tokens."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from venmo_api.adapters.postgres import Model


class Identifier(Model):
    """A name a person is reached by, in canonical form. A contact is anybody's claim until one person has proved it;
    who has proved one and claims another has two rows."""

    __tablename__ = "identifiers"

    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary, comment="a contact, under its person's key")
    verified_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("kind IN ('username', 'email', 'phone')", name="kind"),
        Index(
            "uq_identifiers_proved",
            "kind",
            "value",
            unique=True,
            postgresql_where=text("kind = 'username' OR verified_at IS NOT NULL"),
        ),
        Index(
            "uq_identifiers_own_proved",
            "user_id",
            "kind",
            unique=True,
            postgresql_where=text("verified_at IS NOT NULL"),
        ),
        Index(
            "uq_identifiers_own_claimed",
            "user_id",
            "kind",
            unique=True,
            postgresql_where=text("verified_at IS NULL"),
        ),
    )


class ContactCode(Model):
    """The one-time code last sent to prove a contact, or to reset a password; hashed, and gone once it was used."""

    __tablename__ = "contact_codes"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary)
    sent_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    wrong: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    codes: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"), comment="sent so far, none was right")

    __table_args__ = (CheckConstraint("kind IN ('email', 'phone', 'password')", name="kind"),)


class ContactChange(Model):
    """An address or number that was replaced or removed, and can be restored for a while by who reads its mail."""

    __tablename__ = "contact_changes"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    kind: Mapped[str] = mapped_column(Text)
    sealed: Mapped[bytes] = mapped_column(LargeBinary, comment="the address")
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)

    __table_args__ = (CheckConstraint("kind IN ('email', 'phone')", name="kind"),)


class Credential(Model):
    __tablename__ = "credentials"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    password_hash: Mapped[str] = mapped_column(Text)


class Device(Model):
    """Where somebody signs in from, known again by a token of which the SHA-256 is kept."""

    __tablename__ = "devices"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    used_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    unproved_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), comment="no second factor vouched")


class Session(Model):
    """One sign-in on a device: the family of its refresh tokens. ``authenticated_at`` and ``amr`` tell when and how the
    person last proved who they are, ``used_at``, ``agent`` and ``network`` whence it was last refreshed."""

    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    device_id: Mapped[UUID] = mapped_column(ForeignKey("devices.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    authenticated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    amr: Mapped[list[str]] = mapped_column(ARRAY(Text))
    used_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    agent: Mapped[str] = mapped_column(Text)
    network: Mapped[str] = mapped_column(Text)
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (Index("ix_sessions_revoked_at", "revoked_at", postgresql_where=text("revoked_at IS NOT NULL")),)


class RefreshToken(Model):
    """Only the SHA-256 of a token is kept. A token is used once; using it again revokes its session."""

    __tablename__ = "refresh_tokens"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id"), index=True)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Factor(Model):
    """A second way to show who one is. It counts once confirmed."""

    __tablename__ = "factors"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    kind: Mapped[str] = mapped_column(Text)
    name: Mapped[str | None] = mapped_column(Text, comment="what its owner calls a passkey")
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary, comment="the secret of a TOTP factor")
    last_step: Mapped[int | None] = mapped_column(BigInteger, comment="TOTP: of the last code taken")
    credential_id: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    public_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    sign_count: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    confirmed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    vouches_from: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), comment="later than confirmed when it was added from a new device"
    )
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint("kind IN ('totp', 'passkey', 'email', 'phone')", name="kind"),
        CheckConstraint("(kind = 'totp') = (sealed IS NOT NULL)", name="secret"),
        CheckConstraint(
            "(kind = 'passkey') = (credential_id IS NOT NULL AND public_key IS NOT NULL AND sign_count IS NOT NULL)",
            name="credential",
        ),
        Index("uq_factors_one_of_a_kind", "user_id", "kind", unique=True, postgresql_where=text("kind <> 'passkey'")),
    )


class RecoveryCode(Model):
    """Only the SHA-256 of a code is kept: it has 80 random bits. Each is used once."""

    __tablename__ = "recovery_codes"

    code_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Challenge(Model):
    """Somebody is asked to prove who they are. Gone once they have; ``wrong`` guesses are counted.

    A sign-in is known by the hash of its token. A step-up, or a passkey that is being added, belongs to a session.
    """

    __tablename__ = "challenges"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    purpose: Mapped[str] = mapped_column(Text)
    nonce: Mapped[bytes | None] = mapped_column(LargeBinary, comment="what a passkey must sign; taken once")
    code_kind: Mapped[str | None] = mapped_column(Text, comment="where the last code went")
    code_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    code_sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    codes: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"), comment="sent so far")
    wrong: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)

    __table_args__ = (
        CheckConstraint("purpose IN ('sign_in', 'step_up', 'passkey')", name="purpose"),
        CheckConstraint("code_kind IN ('email', 'phone')", name="code_kind"),
    )


class Approval(Model):
    """Leave to pay one payee one amount from one session, once: under the idempotency key that came with it first."""

    __tablename__ = "approvals"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    session_id: Mapped[UUID]
    payee_hash: Mapped[bytes] = mapped_column(LargeBinary)
    amount: Mapped[int] = mapped_column(BigInteger)
    idempotency_key: Mapped[str | None] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)


class GuessCount(Model):
    """How often somebody guessed wrongly at something. ``bucket`` is a keyed hash: it names nobody."""

    __tablename__ = "attempts"

    bucket: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    wrong: Mapped[int] = mapped_column()
    locks: Mapped[int] = mapped_column()
    began_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
