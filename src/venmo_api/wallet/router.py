"""The wallet: GET /v1/wallet, funding sources, top-ups."""

from typing import Annotated

from fastapi import Request, Response

from venmo_api.adapters.bank import UnknownBankToken
from venmo_api.auth.actor import SignedIn
from venmo_api.core import ids
from venmo_api.core.paging import Page
from venmo_api.http import routes
from venmo_api.http.bodies import json_body
from venmo_api.http.dependencies import (
    App,
    IdempotencyKey,
    fingerprint,
    json_response,
    page_response,
    reply_response,
)
from venmo_api.http.parameters import Paging
from venmo_api.http.problems import request_id_of
from venmo_api.idempotency.rules import Claim
from venmo_api.wallet import schemas, service
from venmo_api.wallet.rules import ROUTE, FundingSourceNotFound, UnknownFundingToken

router = routes.router("/v1/wallet", tag="wallet")


@router.get("", operation_id="getWallet", response_model=schemas.WalletOut)
async def wallet(app: App, actor: SignedIn) -> Response:
    """Your balances, in cents."""
    return json_response(schemas.wallet_document(await app.database.read(service.wallet, actor.user_id)))


@router.post(
    "/funding-sources", operation_id="addFundingSource", status_code=201, response_model=schemas.FundingSourceOut
)
async def add_funding_source(
    app: App, actor: SignedIn, body: Annotated[schemas.FundingSourceBody, json_body(schemas.FundingSourceBody)]
) -> Response:
    """Link a bank account by the token the bank gave you."""
    try:
        known_as = await app.bank.describe(body.token)
    except UnknownBankToken:
        raise UnknownFundingToken from None
    source = await app.database.transact(
        service.add_source, app, actor.user_id, type=body.type, token=body.token, known_as=known_as
    )
    return json_response(schemas.source_document(source), status=201)


@router.get("/funding-sources", operation_id="listFundingSources", response_model=schemas.FundingSourcePage)
async def funding_sources(app: App, actor: SignedIn, asked: Paging) -> Response:
    found = await app.database.read(service.sources, actor.user_id, asked.page)
    return page_response(Page([schemas.source_document(source) for source in found.rows], found.next_cursor))


@router.post("/top-ups", operation_id="topUp", status_code=201, response_model=schemas.TopUpOut)
async def top_up(
    request: Request,
    app: App,
    actor: SignedIn,
    key: IdempotencyKey,
    body: Annotated[schemas.TopUpBody, json_body(schemas.TopUpBody)],
) -> Response:
    """Bring money from a funding source into the wallet."""
    source_id = ids.decode(ids.FUNDING_SOURCE, body.funding_source_id)
    if source_id is None:
        raise FundingSourceNotFound
    claim = Claim(actor.user_id, ROUTE, key, fingerprint(body), app.clock.now())
    answer = await service.top_up(
        app,
        claim,
        source_id=source_id,
        amount=body.amount,
        currency=body.currency,
        request_id=request_id_of(request),
        render=schemas.reply,
    )
    return reply_response(answer.status, answer.body, replayed=answer.replayed)
