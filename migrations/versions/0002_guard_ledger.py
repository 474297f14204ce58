"""What models cannot say: the ledger proves itself at every statement, history is append-only, roles are narrow."""

from collections.abc import Sequence

from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# Runs once a statement, so once a batch. Entries must sum to zero by transaction; follow each other by account,
# version by version; and end at the account's balance and version, which the same statement has written.
ENTRIES_PROVE = """
CREATE FUNCTION ledger_entries_prove() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM added GROUP BY transaction_id HAVING sum(amount) <> 0) THEN
        RAISE EXCEPTION 'ledger: a transaction does not sum to zero' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (
        SELECT FROM (
            SELECT account_id, version, amount, balance_after,
                   lag(version) OVER chain AS version_before, lag(balance_after) OVER chain AS balance_before,
                   lead(version) OVER chain IS NULL AS is_last
            FROM added WINDOW chain AS (PARTITION BY account_id ORDER BY version)) e
        LEFT JOIN ledger_accounts a ON a.id = e.account_id
        WHERE a.id IS NULL
           OR (e.is_last AND (a.version <> e.version OR a.balance <> e.balance_after))
           OR (e.version_before IS NOT NULL
               AND (e.version <> e.version_before + 1 OR e.balance_after <> e.balance_before + e.amount))) THEN
        RAISE EXCEPTION 'ledger: entries do not meet their account' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""
ENTRIES_TRIGGER = """
CREATE TRIGGER prove AFTER INSERT ON ledger_entries
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_entries_prove()
"""

# The other direction: no balance or version moves without the entries that say why.
ACCOUNTS_PROVE = """
CREATE FUNCTION ledger_accounts_prove() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM before o JOIN after n USING (id)
        CROSS JOIN LATERAL (
            SELECT count(*) AS entries, coalesce(sum(e.amount), 0) AS amount FROM ledger_entries e
            WHERE e.account_id = n.id AND e.version > o.version AND e.version <= n.version) e
        WHERE (n.balance, n.version) <> (o.balance, o.version)
          AND (e.entries <> n.version - o.version OR e.amount <> n.balance - o.balance
               OR n.version <= o.version)) THEN
        RAISE EXCEPTION 'ledger: a balance moved without entries' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""
ACCOUNTS_TRIGGER = """
CREATE TRIGGER prove AFTER UPDATE ON ledger_accounts
    REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION ledger_accounts_prove()
"""

ACCOUNTS_BEGIN_AT_ZERO = """
ALTER TABLE ledger_accounts ADD CONSTRAINT ck_ledger_accounts_known_version CHECK (version > 0 OR balance = 0)
"""

APPEND_ONLY = """
CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_user = 'venmo_archivist' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$
"""
HISTORY = ("ledger_transactions", "ledger_entries", "events")

# Roles belong to the whole cluster: another database of it may have made them already.
ROLES = """
DO $$
DECLARE wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['venmo_app', 'venmo_archivist'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            END IF;
            IF NOT pg_has_role(current_user, wanted, 'MEMBER') THEN
                EXECUTE format('GRANT %I TO CURRENT_USER', wanted);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END LOOP;
END $$
"""
CHANGING = (
    "credentials, friendships, idempotency_keys, identifiers, job_runs, outbox_queue, refresh_tokens, sessions, "
    "stories, top_ups, users"
)
PASSING = "friendships, idempotency_keys, outbox_queue, refresh_tokens, sessions"
GRANTS = (
    "GRANT USAGE ON SCHEMA public TO venmo_app, venmo_archivist",
    "GRANT SELECT ON ALL TABLES IN SCHEMA public TO venmo_app",
    f"GRANT SELECT ON archive_manifests, outbox_queue, {', '.join(HISTORY)} TO venmo_archivist",
    f"GRANT INSERT ON {CHANGING}, events, funding_sources, ledger_entries, ledger_transactions, transfers TO venmo_app",
    "GRANT INSERT (id, kind, created_at), UPDATE (balance, held, version) ON ledger_accounts TO venmo_app",
    f"GRANT UPDATE ON {CHANGING} TO venmo_app",
    f"GRANT DELETE ON {PASSING} TO venmo_app",
    "GRANT INSERT ON archive_manifests TO venmo_archivist",
    f"GRANT DELETE ON {', '.join(HISTORY)} TO venmo_archivist",
)

# Sixteen stripes of the bank's settlement account: money that comes in leaves one of them, below zero.
BANK_STRIPES = """
INSERT INTO ledger_accounts (id, kind, floor, created_at)
SELECT ('00000000-0000-00ba-0000-' || lpad(to_hex(n), 12, '0'))::uuid, 'bank', -(2::bigint ^ 62)::bigint, now()
FROM generate_series(0, 15) AS n
"""


def upgrade() -> None:
    for statement in (
        ENTRIES_PROVE,
        ENTRIES_TRIGGER,
        ACCOUNTS_PROVE,
        ACCOUNTS_TRIGGER,
        ACCOUNTS_BEGIN_AT_ZERO,
        APPEND_ONLY,
    ):
        op.execute(statement)
    for table in HISTORY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION append_only()"
        )
    for statement in (ROLES, *GRANTS, BANK_STRIPES):
        op.execute(statement)


def downgrade() -> None:
    """The roles stay: other databases of the cluster may use them."""
    op.execute("DROP OWNED BY venmo_app, venmo_archivist")
    for table in HISTORY:
        op.execute(f"DROP TRIGGER append_only ON {table}")
    op.execute("DROP FUNCTION append_only()")
    op.execute("DELETE FROM ledger_accounts WHERE kind = 'bank'")
    op.execute("ALTER TABLE ledger_accounts DROP CONSTRAINT ck_ledger_accounts_known_version")
    op.execute("DROP TRIGGER prove ON ledger_accounts")
    op.execute("DROP TRIGGER prove ON ledger_entries")
    op.execute("DROP FUNCTION ledger_accounts_prove()")
    op.execute("DROP FUNCTION ledger_entries_prove()")
