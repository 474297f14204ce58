"""Blocks, who may see friend lists, who may be found.

Revision ID: 0011
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# The second check that nobody is a friend of whom they hide from. Who writes either row holds the pair before.
NOT_BESIDE = """
    CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS ({other}) THEN
            RAISE EXCEPTION 'friends do not block each other' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END $$
"""
BLOCKED = """
    SELECT FROM blocks WHERE blocker_id = NEW.low_id AND blocked_id = NEW.high_id
    UNION ALL SELECT FROM blocks WHERE blocker_id = NEW.high_id AND blocked_id = NEW.low_id
"""
FRIENDS = """
    SELECT FROM friendships WHERE low_id = least(NEW.blocker_id, NEW.blocked_id)
                              AND high_id = greatest(NEW.blocker_id, NEW.blocked_id)
"""
GUARDS = (
    NOT_BESIDE.format(name="friends_are_not_blocked", other=BLOCKED),
    NOT_BESIDE.format(name="blocked_are_not_friends", other=FRIENDS),
    "CREATE TRIGGER not_blocked BEFORE INSERT OR UPDATE ON friendships "
    "FOR EACH ROW EXECUTE FUNCTION friends_are_not_blocked()",
    "CREATE TRIGGER not_friends BEFORE INSERT OR UPDATE ON blocks "
    "FOR EACH ROW EXECUTE FUNCTION blocked_are_not_friends()",
)
PURPOSES = "purpose IN ('wrapping', 'index', 'standing')"
PURPOSES_BEFORE = "purpose IN ('wrapping', 'index')"
CIRCLES = {"ix_friendships_friends": ["low_id", "high_id"], "ix_friendships_friends_of": ["high_id", "low_id"]}


def upgrade() -> None:
    # Who is whose friend is read without the table, and the newest of very many at once. What takes long comes before
    # what locks the people whom payments read.
    for name, columns in CIRCLES.items():
        op.create_index(name, "friendships", columns, postgresql_where=sa.text("accepted_at IS NOT NULL"))
    op.drop_constraint(op.f("ck_data_keys_purpose"), "data_keys", type_="check")
    op.create_check_constraint(op.f("ck_data_keys_purpose"), "data_keys", PURPOSES)
    op.create_table(
        "blocks",
        sa.Column("blocker_id", sa.Uuid(), nullable=False),
        sa.Column("blocked_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("blocker_id <> blocked_id", name=op.f("ck_blocks_oneself")),
        sa.ForeignKeyConstraint(["blocker_id"], ["users.id"], name=op.f("fk_blocks_blocker_id_users")),
        sa.ForeignKeyConstraint(["blocked_id"], ["users.id"], name=op.f("fk_blocks_blocked_id_users")),
        sa.PrimaryKeyConstraint("blocker_id", "blocked_id", name=op.f("pk_blocks")),
    )
    op.create_index("ix_blocks_blocked_id", "blocks", ["blocked_id", "blocker_id"])
    op.create_table(
        "dismissals",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("dismissed_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_dismissals_user_id_users")),
        sa.ForeignKeyConstraint(["dismissed_id"], ["users.id"], name=op.f("fk_dismissals_dismissed_id_users")),
        sa.PrimaryKeyConstraint("user_id", "dismissed_id", name=op.f("pk_dismissals")),
    )
    for statement in GUARDS:
        op.execute(statement)
    op.execute("GRANT SELECT, INSERT, DELETE ON blocks, dismissals TO venmo_app")
    op.add_column(
        "users",
        sa.Column(
            "friend_list", sa.Text(), server_default=sa.text("'private'"), nullable=False, comment="who may see it"
        ),
    )
    op.add_column(
        "users",
        sa.Column(
            "findable",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="by a hash of a proved contact",
        ),
    )
    op.create_check_constraint(op.f("ck_users_friend_list"), "users", "friend_list IN ('private', 'friends', 'public')")


def downgrade() -> None:
    op.execute("DROP TRIGGER not_blocked ON friendships")
    op.drop_table("dismissals")
    op.drop_table("blocks")
    for name in ("friends_are_not_blocked", "blocked_are_not_friends"):
        op.execute(f"DROP FUNCTION {name}()")
    for name in CIRCLES:
        op.drop_index(name, "friendships")
    op.drop_constraint(op.f("ck_users_friend_list"), "users")
    op.drop_column("users", "findable")
    op.drop_column("users", "friend_list")
    op.drop_constraint(op.f("ck_data_keys_purpose"), "data_keys", type_="check")
    op.execute("DELETE FROM data_keys WHERE purpose = 'standing'")
    op.create_check_constraint(op.f("ck_data_keys_purpose"), "data_keys", PURPOSES_BEFORE)
