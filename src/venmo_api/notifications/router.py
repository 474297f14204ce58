"""/v1/inbox, /v1/me/notifications and /v1/me/push-tokens."""

from typing import Annotated
from uuid import UUID

import orjson
from fastapi import Request, Response

from venmo_api.auth.actor import SignedIn
from venmo_api.core import ids
from venmo_api.http import routes
from venmo_api.http.bodies import json_body
from venmo_api.http.dependencies import App, json_response
from venmo_api.http.parameters import PageQuery, path_id, query
from venmo_api.http.routes import Answers
from venmo_api.http.validators import conditional
from venmo_api.notifications import schemas, service
from venmo_api.notifications.rules import Choice, NotificationNotFound

router = routes.router("/v1", tag="inbox")
NotificationId = Annotated[UUID, path_id("notification_id", ids.NOTIFICATION, NotificationNotFound)]
NO_PUSH: Answers = {409: {"description": "No pushes go to this platform"}}


class InboxQuery(PageQuery):
    unread: bool = False


@router.get("/inbox", operation_id="listInbox", response_model=schemas.NotificationPage)
async def inbox(
    request: Request, app: App, actor: SignedIn, asked: Annotated[InboxQuery, query(InboxQuery)]
) -> Response:
    """What you have been told, newest first; with `unread=true` what you have not read yet. Kept for 90 days."""
    found = await app.database.read(service.inbox, actor.user_id, asked.page, unread=asked.unread)
    return conditional(request, orjson.dumps(schemas.inbox_document(app.keys, found)))


@router.put("/inbox/{notification_id}/read", operation_id="markRead", status_code=204, response_class=Response)
async def mark_read(app: App, actor: SignedIn, notification_id: NotificationId) -> Response:
    """You have read this one."""
    await app.database.transact(service.read_one, actor.user_id, notification_id, now=app.clock.now())
    await service.wake(app.redis, [actor.user_id])
    return Response(status_code=204)


@router.post("/inbox/read", operation_id="markReadUpTo", status_code=204, response_class=Response)
async def mark_read_up_to(
    app: App, actor: SignedIn, body: Annotated[schemas.ReadUpToBody, json_body(schemas.ReadUpToBody)]
) -> Response:
    """You have read everything up to this one. What comes meanwhile stays unread."""
    await service.read_up_to(app, actor.user_id, body.id)
    await service.wake(app.redis, [actor.user_id])
    return Response(status_code=204)


@router.get("/me/notifications", operation_id="getNotificationChoices", response_model=schemas.PreferencesOut)
async def choices(app: App, actor: SignedIn) -> Response:
    """Where each kind of news goes besides your inbox."""
    return json_response(schemas.preferences_document(await app.database.read(service.choices, actor.user_id)))


@router.put("/me/notifications", operation_id="chooseNotifications", response_model=schemas.PreferencesOut)
async def choose(
    app: App, actor: SignedIn, body: Annotated[schemas.PreferencesBody, json_body(schemas.PreferencesBody)]
) -> Response:
    """Choose where each kind goes besides your inbox: pushes to your phones, mail to the address you have verified."""
    chosen = [Choice(one.kind, one.push, one.mail) for one in body.kinds]
    kept = await app.database.transact(service.choose, actor.user_id, chosen)
    return json_response(schemas.preferences_document(kept))


@router.post(
    "/me/push-tokens", operation_id="addPushToken", responses=NO_PUSH, status_code=204, response_class=Response
)
async def add_push_token(
    app: App, actor: SignedIn, body: Annotated[schemas.PushTokenBody, json_body(schemas.PushTokenBody)]
) -> Response:
    """Get pushes on the phone you ask from, until this session ends. The token is the one its system gave your app."""
    await app.database.transact(service.keep_token, app, actor, body.platform, body.token)
    return Response(status_code=204)


@router.delete("/me/push-tokens", operation_id="removePushToken", status_code=204, response_class=Response)
async def remove_push_token(app: App, actor: SignedIn) -> Response:
    """Get no more pushes where you ask from."""
    await app.database.transact(service.drop_token, actor)
    return Response(status_code=204)
