"""The wallet: GET /v1/wallet, funding sources, top-ups, cash-outs."""

from typing import Annotated
from uuid import UUID

from fastapi import Request, Response

from venmo_api.adapters.bank import UnknownBankToken
from venmo_api.auth import step_up
from venmo_api.auth.actor import SignedIn
from venmo_api.core import ids
from venmo_api.core.paging import Page
from venmo_api.http import routes
from venmo_api.http.bodies import json_body
from venmo_api.http.dependencies import (
    App,
    From,
    IdempotencyKey,
    fingerprints,
    json_response,
    page_response,
    reply_response,
)
from venmo_api.http.parameters import Paging, path_id
from venmo_api.http.problems import request_id_of
from venmo_api.http.routes import Answers
from venmo_api.idempotency.rules import Claim
from venmo_api.wallet import cash_outs, rehearsal, schemas, service, top_ups
from venmo_api.wallet.rules import (
    CASH_OUT_ROUTE,
    TOP_UP_ROUTE,
    BringIn,
    CashOutNotFound,
    FundingSourceNotFound,
    SourceType,
    Speed,
    TakeOut,
    TopUpNotFound,
    UnknownFundingToken,
)

router = routes.router("/v1/wallet", tag="wallet")
UNPROVED: Answers = {403: {"description": "Show once more that it is you"}}
TopUpId = Annotated[UUID, path_id("top_up_id", ids.TOP_UP, TopUpNotFound)]
CashOutId = Annotated[UUID, path_id("cash_out_id", ids.CASH_OUT, CashOutNotFound)]


@router.get("", operation_id="getWallet", response_model=schemas.WalletOut)
async def wallet(app: App, actor: SignedIn) -> Response:
    """Your balances, in cents."""
    return json_response(schemas.wallet_document(await app.database.read(service.wallet, actor.user_id)))


@router.post(
    "/funding-sources",
    operation_id="addFundingSource",
    status_code=201,
    responses=UNPROVED,
    response_model=schemas.FundingSourceOut,
)
async def add_funding_source(
    app: App,
    actor: SignedIn,
    origin: From,
    body: Annotated[schemas.FundingSourceBody, json_body(schemas.FundingSourceBody)],
) -> Response:
    """Link a bank account or card by the token its bank gave you."""
    await step_up.fresh_if_protected(app, actor)
    try:
        known_as = await app.bank.describe(body.token)
    except UnknownBankToken:
        raise UnknownFundingToken from None
    named = SourceType(body.type) if body.type else None
    source = await app.database.transact(
        service.add_source, app, actor.user_id, type=named, token=body.token, known_as=known_as, origin=origin
    )
    return json_response(schemas.source_document(source), status=201)


@router.get("/funding-sources", operation_id="listFundingSources", response_model=schemas.FundingSourcePage)
async def funding_sources(app: App, actor: SignedIn, asked: Paging) -> Response:
    """Your banks and cards, newest first."""
    found = await app.database.read(service.sources, app, actor.user_id, asked.page)
    return page_response(Page([schemas.source_document(source) for source in found.rows], found.next_cursor))


@router.post("/top-ups", operation_id="topUp", status_code=201, response_model=schemas.TopUpOut)
async def top_up(
    request: Request,
    app: App,
    actor: SignedIn,
    key: IdempotencyKey,
    body: Annotated[schemas.TopUpBody, json_body(schemas.TopUpBody)],
) -> Response:
    """Bring money from a bank into the wallet. `pending`: the bank has not said yet whether it comes; look again at
    `GET /v1/wallet/top-ups/{id}`."""
    command = BringIn(
        claim=Claim(
            actor.user_id, TOP_UP_ROUTE, key, fingerprints(app.signer, actor.user_id, key, body), app.clock.now()
        ),
        top_up_id=app.new_id(),
        source_id=_source_id(body.funding_source_id),
        amount=body.amount,
        currency=body.currency,
        request_id=request_id_of(request),
    )
    render = schemas.top_up_reply
    if body.dry_run:
        answer = await rehearsal.rehearse(app, actor.user_id, top_ups.rehearse, command, app=app, render=render)
    else:
        answer = await top_ups.top_up(app, command, render)
    return reply_response(answer.status, answer.body, replayed=answer.replayed)


@router.get("/top-ups", operation_id="listTopUps", response_model=schemas.TopUpPage)
async def list_top_ups(app: App, actor: SignedIn, asked: Paging) -> Response:
    """What you brought in, newest first, as it stands now."""
    found = await app.database.read(top_ups.of_user, app, actor.user_id, asked.page)
    return page_response(Page([schemas.top_up_document(one) for one in found.rows], found.next_cursor))


@router.get("/top-ups/{top_up_id}", operation_id="getTopUp", response_model=schemas.TopUpOut)
async def get_top_up(app: App, actor: SignedIn, top_up_id: TopUpId) -> Response:
    """One of your top-ups, as it stands now; 404 for anybody else's."""
    return json_response(schemas.top_up_document(await app.database.read(top_ups.get, app, actor.user_id, top_up_id)))


@router.post(
    "/cash-outs", operation_id="cashOut", status_code=201, responses=UNPROVED, response_model=schemas.CashOutOut
)
async def cash_out(
    request: Request,
    app: App,
    actor: SignedIn,
    key: IdempotencyKey,
    body: Annotated[schemas.CashOutBody, json_body(schemas.CashOutBody)],
) -> Response:
    """Bring money from the wallet to a bank or card. `pending`: it is under way, and on hold meanwhile; look again at
    `GET /v1/wallet/cash-outs/{id}`."""
    if not body.dry_run:
        await step_up.fresh_if_protected(app, actor)
    command = TakeOut(
        claim=Claim(
            actor.user_id, CASH_OUT_ROUTE, key, fingerprints(app.signer, actor.user_id, key, body), app.clock.now()
        ),
        cash_out_id=app.new_id(),
        source_id=_source_id(body.funding_source_id),
        amount=body.amount,
        currency=body.currency,
        speed=Speed(body.speed),
        request_id=request_id_of(request),
        device_since=actor.device_since,
        device_id=actor.device_id,
        rehearsed=body.dry_run,
    )
    render = schemas.cash_out_reply
    if body.dry_run:
        answer = await rehearsal.rehearse(app, actor.user_id, cash_outs.rehearse, command, app=app, render=render)
    else:
        answer = await cash_outs.cash_out(app, command, render)
    return reply_response(answer.status, answer.body, replayed=answer.replayed)


@router.get("/cash-outs", operation_id="listCashOuts", response_model=schemas.CashOutPage)
async def list_cash_outs(app: App, actor: SignedIn, asked: Paging) -> Response:
    """What you took out, newest first, as it stands now."""
    found = await app.database.read(cash_outs.of_user, app, actor.user_id, asked.page)
    return page_response(Page([schemas.cash_out_document(one) for one in found.rows], found.next_cursor))


@router.get("/cash-outs/{cash_out_id}", operation_id="getCashOut", response_model=schemas.CashOutOut)
async def get_cash_out(app: App, actor: SignedIn, cash_out_id: CashOutId) -> Response:
    """One of your cash-outs, as it stands now; 404 for anybody else's."""
    return json_response(
        schemas.cash_out_document(await app.database.read(cash_outs.get, app, actor.user_id, cash_out_id))
    )


def _source_id(public_id: str) -> UUID:
    source_id = ids.decode(ids.FUNDING_SOURCE, public_id)
    if source_id is None:
        raise FundingSourceNotFound
    return source_id
