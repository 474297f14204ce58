"""The OpenAPI document of the app, without a server."""

from typing import Any

from venmo_api.adapters.signing import new_private_key
from venmo_api.main import create_app
from venmo_api.settings import Settings


def document() -> dict[str, Any]:
    """What ``GET /openapi.json`` answers outside production. Opens no connection."""
    nowhere = "postgresql+asyncpg://nobody@nowhere.invalid/none"
    settings = Settings(
        environment="test", database_url=nowhere, redis_url="redis://nowhere.invalid", signing_key=new_private_key()
    )
    return create_app(settings).openapi()
