"""History is partitioned by time.

Revision ID: 0015
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

MOMENT = sa.DateTime(timezone=True)
GROUPS = {
    "ledger": {"ledger_transactions": "created_at", "ledger_entries": "at"},
    "events": {"events": "created_at"},
    "audit": {"audit_log": "at"},
}
HISTORY = tuple(table for tables in GROUPS.values() for table in tables)

LEAF = """
CREATE FUNCTION archive_leaf(of_table text, lowest timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT of_table || CASE WHEN lowest IS NULL OR lowest = '-infinity' THEN '_first'
        ELSE to_char(lowest AT TIME ZONE 'UTC', '_YYYYMMDD')
             || coalesce('_' || nullif(to_char(lowest AT TIME ZONE 'UTC', 'HH24MISSUS'), '000000000000'), '') END
$$
"""

# Some migration calls this once for each table that it made partitioned; all of a group have the same boundaries.
ADOPT = """
CREATE FUNCTION archive_adopt(of_group text, new_table text, its_moment text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE part record;
BEGIN
    INSERT INTO archive_tables (name, group_name, moment, place)
    SELECT new_table, of_group, its_moment, count(*) FROM archive_tables WHERE group_name = of_group;
    INSERT INTO archive_horizons (group_name) VALUES (of_group) ON CONFLICT DO NOTHING;
    IF NOT EXISTS (SELECT FROM archive_partitions WHERE group_name = of_group) THEN
        INSERT INTO archive_partitions (group_name, lower, upper) VALUES (of_group, '-infinity', 'infinity');
    END IF;
    FOR part IN SELECT * FROM archive_partitions WHERE group_name = of_group LOOP
        PERFORM archive_attach(new_table, archive_leaf(new_table, part.lower), part.lower, part.upper);
        IF part.state <> 'open' THEN
            PERFORM archive_refuse(archive_leaf(new_table, part.lower));
        END IF;
    END LOOP;
END $$
"""

ATTACH = """
CREATE FUNCTION archive_attach(parent text, leaf text, lowest timestamptz, highest timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass(leaf) IS NULL THEN
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', leaf, parent);
        EXECUTE format('GRANT SELECT ON %I TO venmo_app, venmo_archivist', leaf);
    END IF;
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, leaf, lowest, highest);
END $$
"""

# Who writes there took its moment before the freeze. As of 40001 it runs again, and reads the horizon anew.
FROZEN = """
CREATE FUNCTION archive_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is frozen', TG_TABLE_NAME USING ERRCODE = 'serialization_failure';
END $$
"""

REFUSE = """
CREATE FUNCTION archive_refuse(leaf text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER frozen BEFORE INSERT ON %I FOR EACH ROW EXECUTE FUNCTION archive_frozen()', leaf);
END $$
"""

# Locks are asked for in one order, whole groups first, and for a moment only: payments that came meanwhile wait so long.
LOCK = """
CREATE FUNCTION archive_lock(of_group text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE parent text;
BEGIN
    FOR parent IN SELECT name FROM archive_tables WHERE group_name = of_group ORDER BY place LOOP
        EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', parent);
    END LOOP;
END $$
"""

# What there is is read twice while payments wait: what is too large for that is not cut (null), unless who calls says
# how large it may be.
CUT = """
CREATE FUNCTION archive_cut(of_group text, cut_at timestamptz) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE held record; old_half text; new_half text; each record;
BEGIN
    SELECT * INTO held FROM archive_partitions
    WHERE group_name = of_group AND state = 'open' AND lower < cut_at AND cut_at < upper FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    FOR each IN SELECT name FROM archive_tables WHERE group_name = of_group LOOP
        IF pg_relation_size(archive_leaf(each.name, held.lower)::regclass)
           > coalesce(nullif(current_setting('archive.cut_most', true), '')::bigint, 134217728) THEN
            RETURN NULL;
        END IF;
    END LOOP;
    PERFORM archive_lock(of_group);
    FOR each IN SELECT name, moment FROM archive_tables WHERE group_name = of_group ORDER BY place LOOP
        old_half := archive_leaf(each.name, held.lower);
        new_half := archive_leaf(each.name, cut_at);
        EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', each.name, old_half);
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', new_half, each.name);
        EXECUTE format('GRANT SELECT ON %I TO venmo_app, venmo_archivist', new_half);
        EXECUTE format('WITH later AS (DELETE FROM %I WHERE %I >= %L RETURNING *) INSERT INTO %I TABLE later',
                       old_half, each.moment, cut_at, new_half);
        PERFORM archive_attach(each.name, old_half, held.lower, cut_at);
        PERFORM archive_attach(each.name, new_half, cut_at, held.upper);
    END LOOP;
    UPDATE archive_partitions SET upper = cut_at WHERE group_name = of_group AND lower = held.lower;
    INSERT INTO archive_partitions (group_name, lower, upper) VALUES (of_group, cut_at, held.upper);
    RETURN true;
END $$
"""

# CREATE TRIGGER waits for the writers in flight, so what is there when it is done is all there will be.
FREEZE = """
CREATE FUNCTION archive_freeze(of_group text, highest timestamptz) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE held record; each record;
BEGIN
    SELECT * INTO held FROM archive_partitions
    WHERE group_name = of_group AND upper = highest AND upper < 'infinity' FOR UPDATE;
    IF NOT FOUND OR EXISTS (
        SELECT FROM archive_partitions WHERE group_name = of_group AND state = 'open' AND upper < highest) THEN
        RAISE EXCEPTION 'no partition of % ends at %, or an earlier one is open', of_group, highest
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF held.state <> 'open' THEN
        RETURN;
    END IF;
    FOR each IN SELECT name FROM archive_tables WHERE group_name = of_group ORDER BY place LOOP
        PERFORM archive_refuse(archive_leaf(each.name, held.lower));
    END LOOP;
    UPDATE archive_partitions SET state = 'frozen' WHERE group_name = of_group AND lower = held.lower;
    UPDATE archive_horizons SET frozen_through = held.upper - interval '1 microsecond' WHERE group_name = of_group;
END $$
"""

# What is moved leaves an empty partition, one with its neighbours, that refuses who comes late as a frozen one does.
DROP = """
CREATE FUNCTION archive_drop(of_group text, lowest timestamptz, highest timestamptz, manifest integer)
RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE part record; each record; since timestamptz; until timestamptz;
BEGIN
    SELECT * INTO part FROM archive_partitions
    WHERE group_name = of_group AND state = 'frozen' AND upper = highest
      AND lower = coalesce(lowest, '-infinity') FOR UPDATE;
    IF NOT FOUND OR NOT EXISTS (
        SELECT FROM archive_manifests m
        WHERE m.sequence = manifest AND m.partition_group = of_group AND m.partition_upper = highest
          AND coalesce(m.partition_lower, '-infinity') = part.lower
          AND m.xmin::text = pg_current_xact_id()::xid::text) THEN
        RAISE EXCEPTION 'no manifest of this transaction has moved that partition of %', of_group
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM archive_lock(of_group);
    SELECT min(lower), max(upper) INTO since, until FROM archive_partitions
    WHERE group_name = of_group AND (lower = part.lower OR state = 'moved' AND (upper = part.lower OR lower = part.upper));
    FOR each IN SELECT t.name, archive_leaf(t.name, p.lower) AS leaf
                FROM archive_tables t JOIN archive_partitions p USING (group_name)
                WHERE group_name = of_group AND p.lower >= since AND p.upper <= until ORDER BY t.place LOOP
        EXECUTE format('DROP TABLE %I', each.leaf);
    END LOOP;
    DELETE FROM archive_partitions WHERE group_name = of_group AND lower >= since AND upper <= until;
    INSERT INTO archive_partitions (group_name, lower, upper, state) VALUES (of_group, since, until, 'moved');
    FOR each IN SELECT name, archive_leaf(name, since) AS leaf FROM archive_tables
                WHERE group_name = of_group ORDER BY place LOOP
        PERFORM archive_attach(each.name, each.leaf, since, until);
        PERFORM archive_refuse(each.leaf);
    END LOOP;
    UPDATE archive_horizons SET moved_through = greatest(moved_through, highest - interval '1 microsecond')
    WHERE group_name = of_group;
END $$
"""
DISOWN = """
CREATE FUNCTION archive_disown(old_table text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE its_group text;
BEGIN
    DELETE FROM archive_tables WHERE name = old_table RETURNING group_name INTO its_group;
    IF NOT EXISTS (SELECT FROM archive_tables WHERE group_name = its_group) THEN
        DELETE FROM archive_partitions WHERE group_name = its_group;
        DELETE FROM archive_horizons WHERE group_name = its_group;
    END IF;
END $$
"""
FUNCTIONS = {
    "archive_leaf(text, timestamptz)": LEAF,
    "archive_attach(text, text, timestamptz, timestamptz)": ATTACH,
    "archive_frozen()": FROZEN,
    "archive_refuse(text)": REFUSE,
    "archive_adopt(text, text, text)": ADOPT,
    "archive_disown(text)": DISOWN,
    "archive_lock(text)": LOCK,
    "archive_cut(text, timestamptz)": CUT,
    "archive_freeze(text, timestamptz)": FREEZE,
    "archive_drop(text, timestamptz, timestamptz, integer)": DROP,
}

# As before, and: an account's entries are of rising moments, the last of that which the account moved at. With it
# goes what a key over all partitions would say: one entry of an account and version.
ENTRIES_PROVE = """
CREATE OR REPLACE FUNCTION ledger_entries_prove() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM added GROUP BY transaction_id HAVING sum(amount) <> 0) THEN
        RAISE EXCEPTION 'ledger: a transaction does not sum to zero' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (
        SELECT FROM (
            SELECT account_id, version, amount, balance_after, at,
                   lag(version) OVER chain AS version_before, lag(balance_after) OVER chain AS balance_before,
                   lag(at) OVER chain AS at_before, lead(version) OVER chain IS NULL AS is_last
            FROM added WINDOW chain AS (PARTITION BY account_id ORDER BY version)) e
        LEFT JOIN ledger_accounts a ON a.id = e.account_id
        WHERE a.id IS NULL
           OR (e.is_last AND (a.version <> e.version OR a.balance <> e.balance_after
                              OR a.moved_at IS DISTINCT FROM e.at))
           OR (e.version_before IS NOT NULL
               AND (e.version <> e.version_before + 1 OR e.balance_after <> e.balance_before + e.amount
                    OR e.at < e.at_before))) THEN
        RAISE EXCEPTION 'ledger: entries do not meet their account' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""
# The bounds are variables of the function and the plan is the general one, so that partitions are ruled out before
# their tables and indexes are opened.
ACCOUNTS_PROVE = """
CREATE OR REPLACE FUNCTION ledger_accounts_prove() RETURNS trigger LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
DECLARE since timestamptz; until timestamptz;
BEGIN
    SELECT min(coalesce(o.moved_at, '-infinity')), max(n.moved_at) INTO since, until
    FROM before o JOIN after n USING (id)
    WHERE (n.balance, n.version) <> (o.balance, o.version) OR n.moved_at IS DISTINCT FROM o.moved_at;
    IF EXISTS (
        SELECT FROM before o JOIN after n USING (id)
        CROSS JOIN LATERAL (
            SELECT count(*) AS entries, coalesce(sum(e.amount), 0) AS amount FROM ledger_entries e
            WHERE e.account_id = n.id AND e.at >= since AND e.at <= until
              AND e.at >= coalesce(o.moved_at, '-infinity') AND e.at <= n.moved_at
              AND e.version > o.version AND e.version <= n.version) e
        WHERE ((n.balance, n.version) <> (o.balance, o.version) OR n.moved_at IS DISTINCT FROM o.moved_at)
          AND (e.entries <> n.version - o.version OR e.amount <> n.balance - o.balance
               OR n.version <= o.version OR n.moved_at < o.moved_at)) THEN
        RAISE EXCEPTION 'ledger: a balance moved without entries' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""

GRANTS = (
    "GRANT SELECT ON archive_tables, archive_partitions, archive_horizons TO venmo_app, venmo_archivist",
    f"GRANT SELECT, INSERT ON {', '.join(HISTORY)} TO venmo_app",
    f"GRANT SELECT ON {', '.join(HISTORY)} TO venmo_archivist",
    f"REVOKE EXECUTE ON FUNCTION {', '.join(FUNCTIONS)} FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION archive_leaf TO venmo_app, venmo_archivist",
    "GRANT EXECUTE ON FUNCTION archive_cut, archive_freeze, archive_drop TO venmo_archivist",
)

DAYS = {
    "ledger": "SELECT created_at FROM ledger_transactions_before",
    "events": "SELECT created_at FROM events_before",
    "audit": "SELECT at FROM audit_log_before",
}
BROUGHT = (
    "INSERT INTO ledger_transactions (id, kind, created_at) SELECT id, kind, created_at FROM ledger_transactions_before",
    """INSERT INTO ledger_entries (account_id, version, transaction_id, amount, balance_after, at)
       SELECT e.account_id, e.version, e.transaction_id, e.amount, e.balance_after, coalesce(t.created_at, 'epoch')
       FROM ledger_entries_before e LEFT JOIN ledger_transactions_before t ON t.id = e.transaction_id""",
    "INSERT INTO events (id, topic, payload, created_at) SELECT id, topic, payload, created_at FROM events_before",
    """INSERT INTO audit_log (id, at, act, result, actor_id, subject_id, network, agent, details)
       SELECT id, at, act, result, actor_id, subject_id, network, agent, details FROM audit_log_before""",
    """UPDATE archive_horizons SET (frozen_through, moved_through) =
           (SELECT max(archived_through), max(archived_through) FROM ledger_horizon) WHERE group_name = 'ledger'""",
    "DROP TABLE ledger_horizon",
)
AS_BEFORE = (
    """CREATE TABLE ledger_transactions (id uuid NOT NULL, kind text NOT NULL, created_at timestamptz NOT NULL,
           CONSTRAINT ck_ledger_transactions_kind CHECK (kind IN
               ('transfer', 'refund', 'top_up', 'funding', 'cash_out', 'advance', 'repayment')))""",
    """CREATE TABLE ledger_entries (account_id uuid NOT NULL, version bigint NOT NULL, transaction_id uuid NOT NULL,
           amount bigint NOT NULL, balance_after bigint NOT NULL,
           CONSTRAINT ck_ledger_entries_amount CHECK (amount <> 0),
           CONSTRAINT ck_ledger_entries_version CHECK (version > 0))""",
    "CREATE TABLE events (id uuid NOT NULL, topic text NOT NULL, payload jsonb NOT NULL, created_at timestamptz NOT NULL)",
    """CREATE TABLE audit_log (id uuid NOT NULL, at timestamptz NOT NULL, act text NOT NULL, result text NOT NULL,
           actor_id uuid, subject_id uuid, network text, agent text, details jsonb DEFAULT '{}' NOT NULL)""",
    "COMMENT ON COLUMN audit_log.network IS '/24 or /48, never an address'",
    "COMMENT ON COLUMN audit_log.agent IS 'family of the user agent'",
    "CREATE TABLE ledger_horizon (id smallint DEFAULT 1 NOT NULL, archived_through timestamptz NOT NULL, "
    "CONSTRAINT ck_ledger_horizon_id CHECK (id = 1), CONSTRAINT pk_ledger_horizon PRIMARY KEY (id))",
    "GRANT SELECT ON ledger_horizon TO venmo_app, venmo_archivist",
    "GRANT INSERT, UPDATE ON ledger_horizon TO venmo_archivist",
    "INSERT INTO ledger_transactions SELECT id, kind, created_at FROM ledger_transactions_after",
    "INSERT INTO ledger_entries SELECT account_id, version, transaction_id, amount, balance_after "
    "FROM ledger_entries_after",
    "INSERT INTO events SELECT id, topic, payload, created_at FROM events_after",
    "INSERT INTO audit_log SELECT id, at, act, result, actor_id, subject_id, network, agent, details "
    "FROM audit_log_after",
    "INSERT INTO ledger_horizon (archived_through) SELECT moved_through FROM archive_horizons "
    "WHERE group_name = 'ledger' AND moved_through IS NOT NULL",
    "ALTER TABLE ledger_transactions ADD CONSTRAINT pk_ledger_transactions PRIMARY KEY (id)",
    "CREATE INDEX ix_ledger_transactions_created_at ON ledger_transactions USING brin (created_at)",
    "ALTER TABLE ledger_entries ADD CONSTRAINT pk_ledger_entries PRIMARY KEY (account_id, version)",
    "CREATE INDEX ix_ledger_entries_transaction_id ON ledger_entries (transaction_id)",
    "ALTER TABLE events ADD CONSTRAINT pk_events PRIMARY KEY (id)",
    "CREATE INDEX ix_events_created_at ON events USING brin (created_at)",
    "ALTER TABLE audit_log ADD CONSTRAINT pk_audit_log PRIMARY KEY (id)",
    "CREATE INDEX ix_audit_log_subject_id ON audit_log (subject_id, id)",
    "CREATE INDEX ix_audit_log_actor_id ON audit_log (actor_id, id)",
)
# History leaves by whole partitions: nobody deletes rows of it.
APPEND_ONLY = """
CREATE OR REPLACE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$
"""
ENTRIES_TRIGGER = """
CREATE TRIGGER prove AFTER INSERT ON ledger_entries
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_entries_prove()
"""


def upgrade() -> None:
    _create_catalogue()
    for statement in FUNCTIONS.values():
        op.execute(statement)
    op.execute("DROP TRIGGER prove ON ledger_entries")
    for table in HISTORY:
        _rename(table, "before")
    _create_ledger()
    _create_log()
    _create_trail()
    for group, tables in GROUPS.items():
        for table, moment in tables.items():
            op.execute(f"SELECT archive_adopt('{group}', '{table}', '{moment}')")
    _bring_along()
    op.execute(ENTRIES_PROVE)
    op.execute(ACCOUNTS_PROVE)
    op.execute(ENTRIES_TRIGGER)
    op.execute(APPEND_ONLY)
    _append_only()
    for statement in GRANTS:
        op.execute(statement)


def downgrade() -> None:
    guard = context.script.get_revision("0002").module
    op.execute("DROP TRIGGER prove ON ledger_accounts")
    op.execute("DROP TRIGGER prove ON ledger_entries")
    op.execute("DROP FUNCTION ledger_accounts_prove()")
    op.execute("DROP FUNCTION ledger_entries_prove()")
    for table in HISTORY:
        _rename(table, "after")
    for statement in AS_BEFORE:
        op.execute(statement)
    for table in HISTORY:
        op.execute(f"DROP TABLE {table}_after")
    for statement in (guard.ENTRIES_PROVE, guard.ENTRIES_TRIGGER, guard.ACCOUNTS_PROVE, guard.ACCOUNTS_TRIGGER):
        op.execute(statement)
    op.execute(guard.APPEND_ONLY.replace("CREATE", "CREATE OR REPLACE", 1))
    _append_only()
    op.execute(f"GRANT SELECT, INSERT ON {', '.join(HISTORY)} TO venmo_app")
    op.execute(f"GRANT SELECT, DELETE ON {', '.join(HISTORY)} TO venmo_archivist")
    op.drop_column("outbox_queue", "created_at")
    op.drop_column("audit_queue", "at")
    for function in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {function}")
    for table in ("archive_horizons", "archive_partitions", "archive_tables"):
        op.drop_table(table)


def _append_only() -> None:
    for table in HISTORY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION append_only()"
        )


def _rename(table: str, suffix: str) -> None:
    """A table and all that is named after it."""
    op.execute(f"ALTER TABLE {table} RENAME TO {table}_{suffix}")
    op.execute(f"""
        DO $$ DECLARE known text; BEGIN
            FOR known IN SELECT conname FROM pg_constraint WHERE conrelid = '{table}_{suffix}'::regclass LOOP
                EXECUTE format('ALTER TABLE {table}_{suffix} RENAME CONSTRAINT %I TO %I', known, known || '_{suffix}');
            END LOOP;
            FOR known IN SELECT indexname FROM pg_indexes
                         WHERE tablename = '{table}_{suffix}' AND indexname LIKE 'ix%' LOOP
                EXECUTE format('ALTER INDEX %I RENAME TO %I', known, known || '_{suffix}');
            END LOOP;
        END $$""")


def _bring_along() -> None:
    """The rows there were, each day in a partition of its own."""
    for group, days in DAYS.items():
        op.execute(f"""
            DO $$ DECLARE day timestamptz; BEGIN
                FOR day IN SELECT DISTINCT date_trunc('day', at, 'UTC') FROM ({days}) known (at) ORDER BY 1 LOOP
                    PERFORM archive_cut('{group}', day);
                    PERFORM archive_cut('{group}', day + interval '1 day');
                END LOOP;
            END $$""")
    for statement in BROUGHT:
        op.execute(statement)
    for table in HISTORY:
        op.execute(f"DROP TABLE {table}_before")


def _create_catalogue() -> None:
    op.create_table(
        "archive_tables",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("moment", sa.Text(), nullable=False, comment="its column"),
        sa.Column("place", sa.SmallInteger(), nullable=False, comment="in which order a group is locked"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_archive_tables")),
    )
    op.create_table(
        "archive_partitions",
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("lower", MOMENT, nullable=False),
        sa.Column("upper", MOMENT, nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'open'"), nullable=False),
        sa.CheckConstraint("lower < upper", name=op.f("ck_archive_partitions_bounds")),
        sa.CheckConstraint("state IN ('open', 'frozen', 'moved')", name=op.f("ck_archive_partitions_state")),
        sa.PrimaryKeyConstraint("group_name", "lower", name=op.f("pk_archive_partitions")),
    )
    op.create_table(
        "archive_horizons",
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("frozen_through", MOMENT, nullable=True),
        sa.Column("moved_through", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("group_name", name=op.f("pk_archive_horizons")),
    )


def _create_ledger() -> None:
    op.create_table(
        "ledger_transactions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "kind IN ('transfer', 'refund', 'top_up', 'funding', 'cash_out', 'advance', 'repayment')",
            name=op.f("ck_ledger_transactions_kind"),
        ),
        sa.PrimaryKeyConstraint("id", "created_at", name=op.f("pk_ledger_transactions")),
        postgresql_partition_by="RANGE (created_at)",
    )
    op.create_table(
        "ledger_entries",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("balance_after", sa.BigInteger(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_ledger_entries_amount")),
        sa.CheckConstraint("version > 0", name=op.f("ck_ledger_entries_version")),
        sa.PrimaryKeyConstraint("account_id", "at", "version", name=op.f("pk_ledger_entries")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index(op.f("ix_ledger_entries_transaction_id"), "ledger_entries", ["transaction_id"])


def _create_log() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", "created_at", name=op.f("pk_events")),
        postgresql_partition_by="RANGE (created_at)",
    )
    op.add_column("outbox_queue", sa.Column("created_at", MOMENT, nullable=True, comment="of its event"))
    op.execute(
        "UPDATE outbox_queue q SET created_at = coalesce("
        "(SELECT e.created_at FROM events_before e WHERE e.id = q.event_id), q.due_at)"
    )
    op.alter_column("outbox_queue", "created_at", nullable=False)


def _create_trail() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("network", sa.Text(), nullable=True, comment="/24 or /48, never an address"),
        sa.Column("agent", sa.Text(), nullable=True, comment="family of the user agent"),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("id", "at", name=op.f("pk_audit_log")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index("ix_audit_log_subject_id", "audit_log", ["subject_id", "id"])
    op.create_index("ix_audit_log_actor_id", "audit_log", ["actor_id", "id"])
    op.add_column("audit_queue", sa.Column("at", MOMENT, nullable=True, comment="of its entry"))
    op.execute(
        "UPDATE audit_queue q SET at = coalesce((SELECT l.at FROM audit_log_before l WHERE l.id = q.entry_id), now())"
    )
    op.alter_column("audit_queue", "at", nullable=False)
