"""Second factors, sign-in challenges and approvals.

Revision ID: 0006
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

GRANTS = (
    "GRANT SELECT, INSERT, DELETE ON factors, recovery_codes, challenges, approvals TO venmo_app",
    "GRANT UPDATE (last_step, sign_count, confirmed_at, vouches_from, used_at) ON factors TO venmo_app",
    "GRANT UPDATE (used_at) ON recovery_codes TO venmo_app",
    "GRANT UPDATE (nonce, code_kind, code_hash, code_sent_at, codes, wrong, expires_at) ON challenges TO venmo_app",
    "GRANT UPDATE (idempotency_key) ON approvals TO venmo_app",
)


def upgrade() -> None:
    _keep_factors()
    _keep_challenges()
    for statement in GRANTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("approvals", "challenges", "recovery_codes", "factors"):
        op.drop_table(table)


def _keep_factors() -> None:
    op.create_table(
        "factors",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True, comment="what its owner calls a passkey"),
        sa.Column("sealed", sa.LargeBinary(), nullable=True, comment="the secret of a TOTP factor"),
        sa.Column("last_step", sa.BigInteger(), nullable=True, comment="TOTP: of the last code taken"),
        sa.Column("credential_id", sa.LargeBinary(), nullable=True),
        sa.Column("public_key", sa.LargeBinary(), nullable=True),
        sa.Column("sign_count", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "vouches_from",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="later than confirmed when it was added from a new device",
        ),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('totp', 'passkey', 'email', 'phone')", name=op.f("ck_factors_kind")),
        sa.CheckConstraint("(kind = 'totp') = (sealed IS NOT NULL)", name=op.f("ck_factors_secret")),
        sa.CheckConstraint(
            "(kind = 'passkey') = (credential_id IS NOT NULL AND public_key IS NOT NULL AND sign_count IS NOT NULL)",
            name=op.f("ck_factors_credential"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_factors_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_factors")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_factors_credential_id")),
    )
    op.create_index(op.f("ix_factors_user_id"), "factors", ["user_id"])
    op.create_index(
        "uq_factors_one_of_a_kind",
        "factors",
        ["user_id", "kind"],
        unique=True,
        postgresql_where=sa.text("kind <> 'passkey'"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_recovery_codes_user_id")),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_recovery_codes")),
    )
    op.create_index(op.f("ix_recovery_codes_user_id"), "recovery_codes", ["user_id"])


def _keep_challenges() -> None:
    op.create_table(
        "challenges",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=True, comment="what a passkey must sign; taken once"),
        sa.Column("code_kind", sa.Text(), nullable=True, comment="where the last code went"),
        sa.Column("code_hash", sa.LargeBinary(), nullable=True),
        sa.Column("code_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("codes", sa.SmallInteger(), server_default=sa.text("0"), nullable=False, comment="sent so far"),
        sa.Column("wrong", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("purpose IN ('sign_in', 'step_up', 'passkey')", name=op.f("ck_challenges_purpose")),
        sa.CheckConstraint("code_kind IN ('email', 'phone')", name=op.f("ck_challenges_code_kind")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_challenges_user_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_challenges")),
    )
    op.create_index(op.f("ix_challenges_user_id"), "challenges", ["user_id"])
    op.create_index(op.f("ix_challenges_expires_at"), "challenges", ["expires_at"])
    op.create_table(
        "approvals",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("payee_hash", sa.LargeBinary(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_approvals_user_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_approvals")),
    )
    op.create_index(op.f("ix_approvals_user_id"), "approvals", ["user_id"])
    op.create_index(op.f("ix_approvals_expires_at"), "approvals", ["expires_at"])
