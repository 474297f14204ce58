"""What models cannot say of the new tables: held money has its holds, house accounts for fees, narrow grants."""

from collections.abc import Sequence

from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# An account's held money is what is left of its open holds: asked whenever either side moves.
HELD_WRONGLY = """
    SELECT FROM {changed} JOIN ledger_accounts a ON a.id = {account}
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(h.amount - h.captured), 0) AS held FROM ledger_holds h
        WHERE h.account_id = a.id AND h.open) h
    WHERE {when} a.held <> h.held
"""
HOLDS_PROVE = f"""
CREATE FUNCTION ledger_holds_prove() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS ({HELD_WRONGLY.format(changed="changed c", account="c.account_id", when="")}) THEN
        RAISE EXCEPTION 'ledger: holds do not meet their account' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""
HELD_PROVE = f"""
CREATE FUNCTION ledger_held_prove() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS ({
    HELD_WRONGLY.format(changed="before o JOIN after n USING (id)", account="n.id", when="n.held <> o.held AND")
}) THEN
        RAISE EXCEPTION 'ledger: money is held without holds' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""
TRIGGERS = (
    "CREATE TRIGGER prove_insert AFTER INSERT ON ledger_holds REFERENCING NEW TABLE AS changed "
    "FOR EACH STATEMENT EXECUTE FUNCTION ledger_holds_prove()",
    "CREATE TRIGGER prove_update AFTER UPDATE ON ledger_holds REFERENCING NEW TABLE AS changed "
    "FOR EACH STATEMENT EXECUTE FUNCTION ledger_holds_prove()",
    "CREATE TRIGGER prove_held AFTER UPDATE ON ledger_accounts REFERENCING OLD TABLE AS before NEW TABLE AS after "
    "FOR EACH STATEMENT EXECUTE FUNCTION ledger_held_prove()",
)
NEW = (
    "cash_outs, contact_codes, fundings, holds, ledger_holds, limit_uses, payee_confirmations, payment_requests, "
    "sandbox_bank_orders, sandbox_clock, sandbox_messages, splits"
)
CHANGING = "cash_outs, contact_codes, fundings, holds, payee_confirmations, payment_requests, sandbox_clock"
GRANTS = (
    f"GRANT SELECT, INSERT ON {NEW} TO venmo_app",
    f"GRANT UPDATE ON {CHANGING} TO venmo_app",
    "GRANT UPDATE (captured, open) ON ledger_holds TO venmo_app",
    "GRANT UPDATE (recipient_id, audience, seller_fee, status, refunded, ended_at) ON transfers TO venmo_app",
    "GRANT INSERT (floor), UPDATE (owes, moved_at) ON ledger_accounts TO venmo_app",
    "GRANT SELECT ON ledger_horizon TO venmo_app, venmo_archivist",
    "GRANT INSERT, UPDATE ON ledger_horizon TO venmo_archivist",
    "GRANT DELETE ON contact_codes, limit_uses, sandbox_messages TO venmo_app",
)

# Sixteen stripes of the account that takes fees: none is a hot row.
FEE_STRIPES = """
INSERT INTO ledger_accounts (id, kind, created_at)
SELECT ('00000000-0000-00fe-0000-' || lpad(to_hex(n), 12, '0'))::uuid, 'fees', now() FROM generate_series(0, 15) AS n
"""


def upgrade() -> None:
    for statement in (HOLDS_PROVE, HELD_PROVE, *TRIGGERS, *GRANTS, FEE_STRIPES):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DELETE FROM ledger_accounts WHERE kind = 'fees'")
    op.execute(f"REVOKE ALL ON {NEW} FROM venmo_app")
    op.execute("REVOKE ALL ON ledger_horizon FROM venmo_app, venmo_archivist")
    op.execute(
        "REVOKE UPDATE (recipient_id, audience, seller_fee, status, refunded, ended_at) ON transfers FROM venmo_app"
    )
    op.execute("REVOKE INSERT (floor), UPDATE (owes, moved_at) ON ledger_accounts FROM venmo_app")
    for table, trigger in (
        ("ledger_accounts", "prove_held"),
        ("ledger_holds", "prove_update"),
        ("ledger_holds", "prove_insert"),
    ):
        op.execute(f"DROP TRIGGER {trigger} ON {table}")
    op.execute("DROP FUNCTION ledger_held_prove()")
    op.execute("DROP FUNCTION ledger_holds_prove()")
