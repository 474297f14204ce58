"""GET /v1/limits."""

from fastapi import Response

from venmo_api.auth.actor import SignedIn
from venmo_api.http import routes
from venmo_api.http.dependencies import App, json_response
from venmo_api.limits import schemas, service

router = routes.router("/v1/limits", tag="limits")


@router.get("", operation_id="getLimits", response_model=schemas.LimitsOut)
async def limits(app: App, actor: SignedIn) -> Response:
    """What you may still send, bring in and take out, and when which part of it frees."""
    standings = await app.database.read(service.standings, app, actor.user_id, device_since=actor.device_since)
    return json_response(schemas.limits_document(standings, window_seconds=app.figures.window_seconds))
