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

GRANTS = (
    "GRANT SELECT, INSERT, UPDATE, DELETE ON comments TO venmo_app",
    "GRANT SELECT, INSERT, UPDATE ON reactions, reports TO venmo_app",
)


def upgrade() -> None:
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
    _create_comments()
    _create_reactions()
    _create_reports()
    for statement in GRANTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("reports", "reactions", "comments"):
        op.drop_table(table)
    op.drop_column("stories", "reactions")


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
