"""POST and GET /v1/holds, capture and void."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Request, Response

from venmo_api.adapters.bundle import Adapters
from venmo_api.auth.actor import SignedIn
from venmo_api.auth.tokens import Actor
from venmo_api.core import ids
from venmo_api.core.errors import AppError
from venmo_api.core.paging import Page
from venmo_api.holds import schemas, service
from venmo_api.holds.rules import Capture, Direction, HoldNotFound, Place
from venmo_api.http import quotas, routes
from venmo_api.http.bodies import json_body
from venmo_api.http.dependencies import (
    App,
    IdempotencyKey,
    fingerprints,
    json_response,
    page_response,
    reply_response,
)
from venmo_api.http.parameters import PageQuery, path_id, query
from venmo_api.http.problems import request_id_of
from venmo_api.http.routes import Answers
from venmo_api.idempotency.rules import Claim
from venmo_api.transfers import approvals
from venmo_api.transfers.rules import Pay
from venmo_api.wallet import rehearsal

router = routes.router("/v1/holds", tag="holds")
HoldId = Annotated[UUID, path_id("hold_id", ids.HOLD, HoldNotFound)]
DOUBTED: Answers = {
    403: {"description": "Confirm that you know whom you authorise; or, with a second factor, approve it"}
}
NOT_CAPTURED: Answers = {
    402: {"description": "Less than this is left of it, or it is declined now"},
    403: {"description": "Only the payee captures"},
    409: {"description": "It was captured, given back or has expired, or the first request is still running"},
}
NOT_VOIDED: Answers = {
    403: {"description": "Only the payee gives it back before it expires"},
    409: {"description": "It was captured or has expired"},
}


class HoldsQuery(PageQuery):
    direction: Direction = Direction.ALL


@router.post(
    "",
    operation_id="placeHold",
    openapi_extra=approvals.HEADER,
    status_code=201,
    response_model=schemas.HoldOut,
    responses=DOUBTED,
)
async def place(
    request: Request,
    app: App,
    actor: SignedIn,
    key: IdempotencyKey,
    body: Annotated[schemas.HoldBody, json_body(schemas.HoldBody)],
) -> Response:
    """Authorise somebody to take an amount from you: it is set aside, yours and not spendable, until they capture it,
    in one or more parts, or give it back, or it expires. Counts towards your limits now, and not again later."""
    if body.payee.is_contact:
        await quotas.take_contacts(request, actor.user_id)
    if body.amount > app.figures.approve_above and not body.dry_run:
        approval = request.headers.get("approval")
        named = body.payee.named()
        await approvals.demand(
            app, actor, recipient=named, amount=body.amount, approval=approval, operation=("hold", key)
        )
    command = _place(request, app, actor, key, body)
    answer = (
        await rehearsal.rehearse(app, actor.user_id, service.place, command, app=app, render=schemas.placed)
        if body.dry_run
        else await app.database.transact(service.place, command, app=app, render=schemas.placed)
    )
    if isinstance(answer, AppError):
        raise answer
    return reply_response(answer.status, answer.body, replayed=answer.replayed)


@router.get("", operation_id="listHolds", response_model=schemas.HoldPage)
async def holds(app: App, actor: SignedIn, asked: Annotated[HoldsQuery, query(HoldsQuery)]) -> Response:
    """What you authorised (`outgoing`) and what you may capture (`incoming`), newest first."""
    found = await app.database.read(service.of_user, app, actor.user_id, asked.direction, asked.page)
    return page_response(Page([schemas.hold_document(hold) for hold in found.rows], found.next_cursor))


@router.get("/{hold_id}", operation_id="getHold", response_model=schemas.HoldOut)
async def hold(app: App, actor: SignedIn, hold_id: HoldId) -> Response:
    """An authorisation by you or for you; 404 for anybody else's."""
    found = await app.database.read(service.get, app, actor.user_id, hold_id)
    return json_response(schemas.hold_document(found))


@router.post(
    "/{hold_id}/capture",
    operation_id="captureHold",
    status_code=201,
    response_model=schemas.CapturedOut,
    responses=NOT_CAPTURED,
)
async def capture(
    request: Request,
    app: App,
    actor: SignedIn,
    key: IdempotencyKey,
    hold_id: HoldId,
    body: Annotated[schemas.CaptureBody, json_body(schemas.CaptureBody)],
) -> Response:
    """Take what you were authorised to, or a part of it: a payment, settled and final when this answers 201."""
    asked = fingerprints(app.signer, actor.user_id, key, body, thing=hold_id)
    command = Capture(
        claim=Claim(actor.user_id, "capture", key, asked, app.clock.now()),
        hold_id=hold_id,
        transfer_id=app.new_id(),
        amount=body.amount,
        final=body.final,
        note=body.note,
        request_id=request_id_of(request),
    )
    answer = (
        await rehearsal.rehearse(app, actor.user_id, service.capture, command, app=app, render=schemas.captured)
        if body.dry_run
        else await app.database.transact(service.capture, command, app=app, render=schemas.captured)
    )
    return reply_response(answer.status, answer.body, replayed=answer.replayed)


@router.post("/{hold_id}/void", operation_id="voidHold", response_model=schemas.HoldOut, responses=NOT_VOIDED)
async def void(app: App, actor: SignedIn, hold_id: HoldId) -> Response:
    """Give back what you have not captured. What you have stays paid. Asked again, the answer is the same."""
    ended = await app.database.transact(service.void, app, actor.user_id, hold_id)
    return json_response(schemas.hold_document(ended))


def _place(request: Request, app: Adapters, actor: Actor, key: str, body: schemas.HoldBody) -> Place:
    now = app.clock.now()
    payment = Pay(
        claim=Claim(actor.user_id, "hold", key, fingerprints(app.signer, actor.user_id, key, body), now),
        transfer_id=app.new_id(),
        sender_id=actor.user_id,
        recipient=body.payee.named(),
        amount=body.amount,
        currency=body.currency,
        note=body.note,
        audience=body.audience,
        request_id=request_id_of(request),
        at=now,
        allow_duplicate=True,
        confirmation=body.confirmation.given() if body.confirmation else None,
        rehearsed=body.dry_run,
        device_since=actor.device_since,
        device_id=actor.device_id,
    )
    return Place(payment, timedelta(seconds=body.expires_in_seconds or app.figures.hold_seconds))
