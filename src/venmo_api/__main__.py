"""``python -m venmo_api`` is ``venmo-api``."""

from venmo_api.cli import app

app()
