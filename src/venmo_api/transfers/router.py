"""POST and GET /v1/transfers, refunds, and cancelling what nobody has claimed."""

from typing import Annotated
from uuid import UUID

from fastapi import Request, Response

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Group
from venmo_api.auth.actor import SignedIn
from venmo_api.auth.tokens import Actor
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
from venmo_api.http.parameters import Paging, path_id
from venmo_api.http.problems import request_id_of
from venmo_api.http.routes import Answers
from venmo_api.idempotency import service as idempotency
from venmo_api.idempotency.rules import Claim, Reply
from venmo_api.transfers import approvals, claims, funding, refunds, schemas, service
from venmo_api.transfers.rules import Pay, Refund, TransferNotFound
from venmo_api.wallet import rehearsal
from venmo_api.wallet.rules import FundingSourceNotFound

router = routes.router("/v1/transfers", tag="transfers")
TransferId = Annotated[UUID, path_id("transfer_id", ids.TRANSFER, TransferNotFound)]
DOUBTED: Answers = {
    403: {"description": "Confirm that you know whom you pay; or, with a second factor, approve so large a payment"},
    409: {"description": "You have just paid this, or the first request is still running"},
}
NOT_REFUNDABLE: Answers = {
    402: {"description": "You have spent the money, and may not owe so much"},
    403: {"description": "Only who received a payment gives it back; from a new device, little of it"},
    409: {"description": "It was not settled, is a refund itself, or less than this is left of it"},
}
NOT_PENDING: Answers = {409: {"description": "It was claimed, or has ended"}}


@router.post(
    "",
    operation_id="pay",
    status_code=201,
    response_model=schemas.PaidOut,
    responses=DOUBTED,
    openapi_extra=approvals.HEADER,
)
async def pay(
    request: Request,
    app: App,
    actor: SignedIn,
    key: IdempotencyKey,
    body: Annotated[schemas.PayBody, json_body(schemas.PayBody)],
) -> Response:
    """Pay somebody from your balance. Settled, durable and final when this answers 201; or `pending`, when nobody has
    signed up with this email address or phone number yet: the money is held until they do, and comes back if not; or
    `held`, when we look at it first: it then settles, or the money comes back. With a `funding_source_id` that pays
    what the balance does not cover; `pending` until it has."""
    if body.recipient.is_contact:
        await quotas.take_contacts(request, actor.user_id)
    if body.amount > app.figures.approve_above and not body.dry_run:
        approval = request.headers.get("approval")
        named = body.recipient.named()
        await approvals.demand(
            app, actor, recipient=named, amount=body.amount, approval=approval, operation=("pay", key)
        )
    command = _command(request, app, actor, key, body)
    answer: Reply | AppError
    if body.funding_source_id is not None:
        answer = await _pay_with_source(app, command, body.funding_source_id)
    elif body.dry_run:
        answer = await rehearsal.rehearse(app, actor.user_id, service.pay_one, command, app=app, render=schemas.reply)
    else:
        grouped: Group[Pay, Reply | AppError] = request.app.state.pay
        answer = await grouped(command)
    if isinstance(answer, AppError):
        raise answer
    if answer.is_sealed:
        answer = await app.database.read(idempotency.opened, app, command.claim.scope, answer)
    return reply_response(answer.status, answer.body, replayed=answer.replayed)


@router.get("", operation_id="listTransfers", response_model=schemas.TransferPage)
async def transfers(app: App, actor: SignedIn, asked: Paging) -> Response:
    """What you sent and received, newest first."""
    found = await app.database.read(service.of_user, app, actor.user_id, asked.page)
    return page_response(Page([schemas.transfer_document(row) for row in found.rows], found.next_cursor))


@router.get("/{transfer_id}", operation_id="getTransfer", response_model=schemas.TransferWithRefunds)
async def transfer(app: App, actor: SignedIn, transfer_id: TransferId) -> Response:
    """One of your transfers, and the refunds of it; 404 for anybody else's."""
    found, refunds = await app.database.read(service.get, app, actor.user_id, transfer_id)
    document = schemas.transfer_document(found) | {"refunds": [ids.encode(ids.TRANSFER, each) for each in refunds]}
    return json_response(document)


@router.post(
    "/{transfer_id}/refund",
    operation_id="refund",
    status_code=201,
    response_model=schemas.TransferOut,
    responses=NOT_REFUNDABLE,
)
async def refund(
    request: Request,
    app: App,
    actor: SignedIn,
    key: IdempotencyKey,
    transfer_id: TransferId,
    body: Annotated[schemas.RefundBody, json_body(schemas.RefundBody)],
) -> Response:
    """Give back a payment you received, or a part of it. Fees are not given back. If you have spent the money, we lend
    you what is missing, up to a limit: your wallet shows it as `debt`, and money that comes in repays it first."""
    now = app.clock.now()
    asked = fingerprints(app.signer, actor.user_id, key, body, thing=transfer_id)
    command = Refund(
        claim=Claim(actor.user_id, "refund", key, asked, now),
        refund_id=app.new_id(),
        original_id=transfer_id,
        amount=body.amount,
        note=body.note,
        request_id=request_id_of(request),
        at=now,
        device_since=actor.device_since,
    )
    if body.dry_run:
        answer = await rehearsal.rehearse(app, actor.user_id, refunds.refund, command, app=app, render=schemas.reply)
    else:
        answer = await app.database.transact(refunds.refund, command, app=app, render=schemas.reply)
    return reply_response(answer.status, answer.body, replayed=answer.replayed)


@router.post(
    "/{transfer_id}/cancel", operation_id="cancelTransfer", response_model=schemas.TransferOut, responses=NOT_PENDING
)
async def cancel(app: App, actor: SignedIn, transfer_id: TransferId) -> Response:
    """Take back a payment that nobody has claimed yet. Asked again, the answer is the same."""
    ended = await app.database.transact(claims.cancel, app, actor.user_id, transfer_id)
    return json_response(schemas.transfer_document(ended))


async def _pay_with_source(app: Adapters, command: Pay, public_id: str) -> Reply | AppError:
    source_id, render = ids.decode(ids.FUNDING_SOURCE, public_id), schemas.funded_reply
    if source_id is None:
        raise FundingSourceNotFound
    if not command.rehearsed:
        return await funding.pay(app, command, source_id, render)
    payer = command.sender_id
    return await rehearsal.rehearse(app, payer, funding.rehearse, command, source_id, app=app, render=render)


def _command(request: Request, app: Adapters, actor: Actor, key: str, body: schemas.PayBody) -> Pay:
    now, named = app.clock.now(), body.recipient.named()
    return Pay(
        claim=Claim(actor.user_id, "pay", key, fingerprints(app.signer, actor.user_id, key, body), now),
        transfer_id=app.new_id(),
        sender_id=actor.user_id,
        recipient=named,
        alias=app.keys.index(*named) if isinstance(named, tuple) and named[0] != "username" else None,
        amount=body.amount,
        currency=body.currency,
        note=body.note,
        audience=body.audience,
        request_id=request_id_of(request),
        at=now,
        goods_and_services=body.goods_and_services,
        allow_duplicate=body.allow_duplicate,
        confirmation=body.confirmation.given() if body.confirmation else None,
        rehearsed=body.dry_run,
        device_since=actor.device_since,
        device_id=actor.device_id,
    )
