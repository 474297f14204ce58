"""/v1/requests: ask for money, accept, decline, cancel, remind; /v1/splits: share an expense."""

from typing import Annotated
from uuid import UUID

from fastapi import Request, Response

from venmo_api.auth.actor import SignedIn
from venmo_api.core import ids
from venmo_api.core.errors import AppError
from venmo_api.core.paging import Page
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
from venmo_api.http.parameters import Paging, path_id, query
from venmo_api.http.problems import request_id_of
from venmo_api.http.routes import Answers
from venmo_api.idempotency.rules import Claim, Reply
from venmo_api.requests import schemas, service, splits
from venmo_api.requests.rules import Accept, Ask, Divide, RequestNotFound, SplitNotFound, Step
from venmo_api.transfers import approvals
from venmo_api.wallet import rehearsal

router = routes.router("/v1/requests", tag="requests")
splits_router = routes.router("/v1/splits", tag="splits")
RequestId = Annotated[UUID, path_id("request_id", ids.REQUEST, RequestNotFound)]
SplitId = Annotated[UUID, path_id("split_id", ids.SPLIT, SplitNotFound)]
NOBODY: Answers = {404: {"description": "Nobody has signed up under this name"}}
STEPS: Answers = {
    403: {"description": "The other side takes this step"},
    409: {"description": "The request has ended: it tells how, and who ended it"},
}
REMINDED: Answers = {429: {"description": "You have reminded them not long ago: `Retry-After` tells when again"}}


@router.post("", operation_id="makeRequest", status_code=201, response_model=schemas.RequestOut, responses=NOBODY)
async def make(
    request: Request,
    app: App,
    actor: SignedIn,
    key: IdempotencyKey,
    body: Annotated[schemas.RequestBody, json_body(schemas.RequestBody)],
) -> Response:
    """Ask somebody for money. They accept or decline; after a while the request expires."""
    if body.payer.is_contact:
        await quotas.take_contacts(request, actor.user_id)
    command = Ask(
        claim=Claim(actor.user_id, "request", key, fingerprints(app.signer, actor.user_id, key, body), app.clock.now()),
        payer=body.payer.named(),
        amount=body.amount,
        currency=body.currency,
        note=body.note,
        audience=body.audience,
    )
    if body.dry_run:
        answer = await rehearsal.rehearse(app, actor.user_id, service.make, command, app=app, render=schemas.made)
    else:
        answer = await app.database.transact(service.make, command, app=app, render=schemas.made)
    return reply_response(answer.status, answer.body, replayed=answer.replayed)


@router.get("", operation_id="listRequests", response_model=schemas.RequestPage)
async def requests(
    app: App, actor: SignedIn, asked: Annotated[schemas.RequestsQuery, query(schemas.RequestsQuery)]
) -> Response:
    """What you asked for and what you are asked to pay, newest first."""
    found = await app.database.read(service.of_user, app, actor.user_id, asked.direction, asked.status, page=asked.page)
    return page_response(Page([schemas.request_document(row) for row in found.rows], found.next_cursor))


@router.get("/{request_id}", operation_id="getRequest", response_model=schemas.RequestOut)
async def request(app: App, actor: SignedIn, request_id: RequestId) -> Response:
    """A request that you made or are asked to pay; 404 for anybody else's."""
    return json_response(schemas.request_document(await app.database.read(service.get, app, actor.user_id, request_id)))


@router.post(
    "/{request_id}/accept",
    operation_id="acceptRequest",
    openapi_extra=approvals.HEADER,
    response_model=schemas.AcceptedOut,
    responses=STEPS,
)
async def accept(
    request: Request,
    app: App,
    actor: SignedIn,
    key: IdempotencyKey,
    request_id: RequestId,
    body: Annotated[schemas.AcceptBody, json_body(schemas.AcceptBody)],
) -> Response:
    """Pay what you are asked for, from your balance. Settled, durable and final when this answers 200. Without enough
    money the request stays pending: top up, and accept it again under a new key."""
    if not body.dry_run:
        asking = await app.database.read(service.get, app, actor.user_id, request_id)
        approval, payee = request.headers.get("approval"), asking.requester.id
        await approvals.demand(
            app, actor, recipient=payee, amount=asking.amount, approval=approval, operation=("accept", key)
        )
    asked = fingerprints(app.signer, actor.user_id, key, body, thing=request_id)
    command = Accept(
        claim=Claim(actor.user_id, "accept", key, asked, app.clock.now()),
        accepted_id=request_id,
        transfer_id=app.new_id(),
        audience=body.audience,
        confirmation=body.confirmation.given() if body.confirmation else None,
        request_id=request_id_of(request),
        rehearsed=body.dry_run,
        device_since=actor.device_since,
        device_id=actor.device_id,
    )
    answer: Reply | AppError
    if body.dry_run:
        answer = await rehearsal.rehearse(app, actor.user_id, service.accept, command, app=app, render=schemas.accepted)
    else:
        answer = await app.database.transact(service.accept, command, app=app, render=schemas.accepted)
    if isinstance(answer, AppError):
        raise answer
    return reply_response(answer.status, answer.body, replayed=answer.replayed)


@router.post("/{request_id}/decline", operation_id="declineRequest", response_model=schemas.RequestOut, responses=STEPS)
async def decline(app: App, actor: SignedIn, request_id: RequestId) -> Response:
    """Say that you will not pay. Asked again, the answer is the same."""
    ended = await app.database.transact(service.withdraw, app, actor.user_id, request_id, step=Step.DECLINE)
    return json_response(schemas.request_document(ended))


@router.post("/{request_id}/cancel", operation_id="cancelRequest", response_model=schemas.RequestOut, responses=STEPS)
async def cancel(app: App, actor: SignedIn, request_id: RequestId) -> Response:
    """Withdraw your request. Asked again, the answer is the same."""
    ended = await app.database.transact(service.withdraw, app, actor.user_id, request_id, step=Step.CANCEL)
    return json_response(schemas.request_document(ended))


@router.post(
    "/{request_id}/remind",
    operation_id="remindOfRequest",
    response_model=schemas.RequestOut,
    responses=STEPS | REMINDED,
)
async def remind(app: App, actor: SignedIn, request_id: RequestId) -> Response:
    """Remind the payer of your request, once in a while."""
    reminded = await app.database.transact(service.remind, app, actor.user_id, request_id)
    return json_response(schemas.request_document(reminded))


@splits_router.post(
    "", operation_id="splitExpense", status_code=201, response_model=schemas.SplitWithRequests, responses=NOBODY
)
async def split_expense(
    request: Request,
    app: App,
    actor: SignedIn,
    key: IdempotencyKey,
    body: Annotated[schemas.SplitBody, json_body(schemas.SplitBody)],
) -> Response:
    """Share what you have paid among many: everybody's part to the cent, and a request to each for theirs."""
    if contacts := sum(one.is_contact for one in body.participants):
        await quotas.take_contacts(request, actor.user_id, named=contacts)
    command = Divide(
        claim=Claim(actor.user_id, "split", key, fingerprints(app.signer, actor.user_id, key, body), app.clock.now()),
        total=body.total,
        currency=body.currency,
        note=body.note,
        method=body.method,
        people=tuple(one.named() for one in body.participants),
        measures=body.measures(),
        own=body.own(),
        audience=body.audience,
    )
    if body.dry_run:
        answer = await rehearsal.rehearse(app, actor.user_id, splits.divide, command, app=app, render=schemas.divided)
    else:
        answer = await app.database.transact(splits.divide, command, app=app, render=schemas.divided)
    return reply_response(answer.status, answer.body, replayed=answer.replayed)


@splits_router.get("", operation_id="listSplits", response_model=schemas.SplitPage)
async def own_splits(app: App, actor: SignedIn, asked: Paging) -> Response:
    """What you shared among others, newest first."""
    found = await app.database.read(splits.of_user, app, actor.user_id, asked.page)
    return page_response(Page([schemas.split_document(row) for row in found.rows], found.next_cursor))


@splits_router.get("/{split_id}", operation_id="getSplit", response_model=schemas.SplitWithRequests)
async def split(app: App, actor: SignedIn, split_id: SplitId) -> Response:
    """A split of yours with all its requests, or one with a part of yours, with the request to you."""
    return json_response(schemas.split_with_requests(await app.database.read(splits.get, app, actor.user_id, split_id)))
