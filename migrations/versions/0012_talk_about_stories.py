"""Stories that narrow; likes, comments, reactions, reports.

Revision ID: 0012
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# Who has very many friends when this runs. The figure may be set otherwise later; their next friendship counts anew.
PULL = """
    INSERT INTO pulled_people (user_id, since)
    SELECT id, now() FROM (
        SELECT low_id AS id FROM friendships WHERE accepted_at IS NOT NULL
        UNION ALL SELECT high_id FROM friendships WHERE accepted_at IS NOT NULL) f
    GROUP BY id HAVING count(*) > 1000
"""
GRANTS = (
    "GRANT SELECT, INSERT, UPDATE ON narrowings TO venmo_app",
    "GRANT SELECT, INSERT, DELETE ON pulled_people TO venmo_app",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON comments TO venmo_app",
    "GRANT SELECT, INSERT, UPDATE ON reactions, reports TO venmo_app",
)


def upgrade() -> None:
    # What takes long comes before what locks out those who read stories.
    op.create_index("ix_stories_pair", "stories", ["actor_id", "target_id", "id"])
    _create_narrowings()
    _create_comments()
    _create_reactions()
    _create_reports()
    for statement in (*GRANTS, PULL):
        op.execute(statement)
    _widen_stories()


def downgrade() -> None:
    for table in ("reports", "reactions", "comments", "pulled_people", "narrowings"):
        op.drop_table(table)
    op.drop_index("ix_stories_pair", table_name="stories")
    op.drop_column("stories", "announced")
    op.drop_column("stories", "reactions")


def _create_narrowings() -> None:
    op.create_table(
        "narrowings",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("private_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("friends_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_narrowings_user_id_users")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_narrowings")),
    )
    op.create_table(
        "pulled_people",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_pulled_people_user_id_users")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_pulled_people")),
    )


def _create_comments() -> None:
    op.create_table(
        "comments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("story_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False, comment="empty once its author was erased"),
        sa.Column("mentions", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name=op.f("fk_comments_author_id_users")),
        sa.ForeignKeyConstraint(["story_id"], ["stories.id"], name=op.f("fk_comments_story_id_stories")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comments")),
    )
    op.create_index(op.f("ix_comments_author_id"), "comments", ["author_id"])
    op.create_index("ix_comments_story_id_id", "comments", ["story_id", "id"])


def _create_reactions() -> None:
    op.create_table(
        "reactions",
        sa.Column("story_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("liked", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("emoji", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("times_liked", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("times_reacted", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["story_id"], ["stories.id"], name=op.f("fk_reactions_story_id_stories")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_reactions_user_id_users")),
        sa.PrimaryKeyConstraint("story_id", "user_id", name=op.f("pk_reactions")),
    )


def _create_reports() -> None:
    op.create_table(
        "reports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reporter_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("thing_id", sa.Uuid(), nullable=False),
        sa.Column("story_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('story', 'comment')", name=op.f("ck_reports_kind")),
        sa.CheckConstraint("verdict IN ('dismiss', 'remove')", name=op.f("ck_reports_verdict")),
        sa.CheckConstraint("num_nonnulls(verdict, decided_by, decided_at) IN (0, 3)", name=op.f("ck_reports_decided")),
        sa.ForeignKeyConstraint(["reporter_id"], ["users.id"], name=op.f("fk_reports_reporter_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reports")),
        sa.UniqueConstraint("reporter_id", "thing_id", name=op.f("uq_reports_reporter_id_thing_id")),
    )
    op.create_index("ix_reports_thing_id", "reports", ["thing_id"])
    op.create_index("ix_reports_open", "reports", ["id"], postgresql_where=sa.text("verdict IS NULL"))


def _widen_stories() -> None:
    op.add_column(
        "stories",
        sa.Column(
            "reactions",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="how many people reacted with each emoji",
        ),
    )
    op.add_column(
        "stories",
        sa.Column("announced", sa.Text(), nullable=True, comment="the audience it had before it was narrowed"),
    )
    op.create_check_constraint(
        op.f("ck_stories_only_more_private"),
        "stories",
        "announced IS NULL OR (announced, audience) IN "
        "(('public', 'friends'), ('public', 'private'), ('friends', 'private'))",
    )
