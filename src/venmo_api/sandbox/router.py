"""GET|POST /v1/sandbox/clock, GET /v1/sandbox/inbox, GET /v1/sandbox/messages. Not mounted in production."""

from datetime import timedelta
from typing import Annotated

from fastapi import Response

from venmo_api.auth.actor import SignedIn
from venmo_api.core.paging import Page
from venmo_api.http import routes
from venmo_api.http.bodies import json_body
from venmo_api.http.dependencies import App, json_response, page_response
from venmo_api.http.parameters import Paging, query
from venmo_api.sandbox import rules, schemas, service

router = routes.router("/v1/sandbox", tag="sandbox")


@router.get("/clock", operation_id="readClock", response_model=schemas.ClockOut)
async def read_clock(app: App, actor: SignedIn) -> Response:
    """What time it is for the service. Never in production."""
    ahead = await service.catch_up(app)
    return json_response(schemas.clock_document(app.clock.now(), ahead))


@router.post("/clock", operation_id="driveClock", response_model=schemas.ClockOut)
async def drive_clock(
    app: App, actor: SignedIn, body: Annotated[schemas.ClockBody, json_body(schemas.ClockBody)]
) -> Response:
    """Let time pass, for everybody: limits free up, requests and holds run out, jobs fall due. Nobody is signed out.

    The other processes of the service follow within a second, and jobs within five more. There is no way back.
    Never in production.
    """

    def onward(ahead: timedelta) -> timedelta:
        if body.now is not None:
            return rules.set_to(ahead, body.now, system_now=app.wall_clock.now())
        return rules.advanced(ahead, timedelta(seconds=body.advance_seconds or 0))

    ahead = await service.drive(app, onward, actor=actor.user_id)
    return json_response(schemas.clock_document(app.clock.now(), ahead))


@router.get("/inbox", operation_id="readInbox", response_model=schemas.Inbox)
async def read_inbox(app: App, actor: SignedIn, asked: Paging) -> Response:
    """The mails, text messages and pushes that would have been sent to you, newest first. Never in production."""
    found = await app.database.read(service.inbox, actor.user_id, asked.page)
    return page_response(Page([schemas.message_document(message) for message in found.rows], found.next_cursor))


@router.get("/messages", operation_id="readMessages", response_model=schemas.Inbox)
async def read_messages(app: App, asked: Annotated[schemas.MessagesQuery, query(schemas.MessagesQuery)]) -> Response:
    """The mails or text messages that would have been sent to an address or number, newest first: for who cannot sign
    in without the code in them. Never in production."""
    found = await app.database.read(service.messages_to, asked.address, asked.page)
    return page_response(Page([schemas.message_document(message) for message in found.rows], found.next_cursor))
