"""The OpenAPI document of the app, without a server. ``python -m tests.instruments.document FILE`` writes it."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from venmo_api.adapters.kms import make_master_key
from venmo_api.adapters.signing import new_private_key
from venmo_api.main import create_app
from venmo_api.settings import Settings


def document() -> dict[str, Any]:
    """What ``GET /openapi.json`` answers outside production. Opens no connection."""
    with tempfile.TemporaryDirectory() as folder:
        master_key = Path(folder) / "master.key"
        make_master_key(master_key)
        settings = Settings(
            environment="test",
            database_url="postgresql+asyncpg://nobody@nowhere.invalid/none",
            redis_url="redis://nowhere.invalid",
            signing_key=new_private_key(),
            master_key_file=master_key,
        )
        return create_app(settings).openapi()


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(document(), indent=1))
