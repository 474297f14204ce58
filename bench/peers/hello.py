"""The app itself with two routes more: an authenticated hello, and the transfer route with the ledger left out."""

from typing import Annotated

from fastapi import FastAPI, Request, Response

from venmo_api import logs
from venmo_api.auth.actor import SignedIn
from venmo_api.core.errors import AppError
from venmo_api.http import routes
from venmo_api.http.bodies import json_body
from venmo_api.http.dependencies import App, IdempotencyKey, fingerprints, reply_response
from venmo_api.http.problems import request_id_of
from venmo_api.idempotency.rules import Claim
from venmo_api.main import create_app
from venmo_api.settings import Settings
from venmo_api.transfers.rules import Pay, Status, Transfer
from venmo_api.transfers.schemas import PayBody, reply
from venmo_api.users.rules import Audience, Card


def app() -> FastAPI:
    settings = Settings()
    logs.configure(settings.log_level)
    made = create_app(settings)
    router = routes.router("/bench", tag="bench")

    @router.get("/hello")
    async def hello(actor: SignedIn) -> Response:
        return Response(b'{"hello":"world"}', media_type="application/json")

    @router.post("/transfers")
    async def stub(
        request: Request, app: App, actor: SignedIn, key: IdempotencyKey, body: Annotated[PayBody, json_body(PayBody)]
    ) -> Response:
        now = app.clock.now()
        recipient = body.recipient.named()
        command = Pay(
            claim=Claim(actor.user_id, "stub", key, fingerprints(app.signer, actor.user_id, key, body), now),
            transfer_id=app.new_id(),
            sender_id=actor.user_id,
            recipient=recipient,
            amount=body.amount,
            currency=body.currency,
            note=body.note,
            audience=body.audience,
            request_id=request_id_of(request),
            at=now,
        )
        outcome: Transfer | AppError = Transfer(
            id=command.transfer_id,
            status=Status.SETTLED,
            amount=command.amount,
            currency=command.currency,
            note=command.note,
            audience=Audience.FRIENDS,
            sender=Card(command.sender_id, "payer", "Payer", None),
            recipient=Card(recipient, "payee", "Payee", None),
            created_at=now,
        )
        answer = reply(command, outcome)
        return reply_response(answer.status, answer.body, replayed=False)

    made.router.routes[:0] = router.routes  # matched first, like what they are held against
    return made
