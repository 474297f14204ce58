"""Bring a database to the newest schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config

# Beside the sources, in a checkout and in the image alike.
MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def upgrade(database_url: str, *, ca_file: Path | None = None) -> None:
    """Run the migrations that have not run. Must not be called from a running event loop."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["database_url"] = database_url
    config.attributes["database_ca_file"] = ca_file
    command.upgrade(config, "head")
