"""GET /v1/statements, /v1/wallet/balance and /v1/transfers/{id}/history; what a statement waits for."""

from typing import Annotated
from uuid import UUID

import anyio
import anyio.to_thread
from fastapi import Response

from venmo_api.archive import restore_rules, restores
from venmo_api.archive.restore_rules import RestoreNotFound
from venmo_api.auth.actor import SignedIn
from venmo_api.core import ids
from venmo_api.http import fields, routes
from venmo_api.http.bodies import json_body
from venmo_api.http.dependencies import App, json_response
from venmo_api.http.parameters import path_id, query
from venmo_api.http.routes import Answers
from venmo_api.statements import csv_file, pdf, rules, schemas, service
from venmo_api.statements.rules import Format, Period
from venmo_api.transfers.rules import TransferNotFound

router = routes.router("/v1", tag="statements")
TransferId = Annotated[UUID, path_id("transfer_id", ids.TRANSFER, TransferNotFound)]
RestoreId = Annotated[UUID, path_id("restore_id", ids.RESTORE, RestoreNotFound)]
COLD: Answers = {409: {"description": "This part of the history lies in cold storage; ask for a restore first"}}
FILE_MOST = 64 * 1024 * 1024
COLUMNS = "columns as Venmo exports them"
FILES: Answers = COLD | {
    200: {
        "content": {
            "text/csv": {"schema": {"type": "string", "maxLength": FILE_MOST, "description": COLUMNS} | fields.LINES},
            "application/pdf": {"schema": {"type": "string", "format": "binary", "maxLength": FILE_MOST}},
        }
    }
}
# Rendering takes all of a core: one at a time leaves the rest to payments.
_renderer = anyio.CapacityLimiter(1)


@router.get("/statements", operation_id="getStatement", responses=FILES, response_model=schemas.StatementOut)
async def statement(
    app: App, actor: SignedIn, asked: Annotated[schemas.StatementQuery, query(schemas.StatementQuery)]
) -> Response:
    """What moved your balance, day by day, as JSON, CSV or PDF; without `start` and `end`, this month so far.

    The opening balance and all lines make the closing balance, and one period opens with what the one before closed.
    """
    period = rules.period(asked.start, asked.end, today=app.clock.now().date())
    made = await service.statement(app, actor.user_id, period)
    if asked.format is Format.CSV:
        body = await anyio.to_thread.run_sync(csv_file.encode, made, limiter=_renderer)
        return _attached(body, "text/csv; charset=utf-8", made.owner.username, period, Format.CSV)
    if asked.format is Format.PDF:
        body = await anyio.to_thread.run_sync(pdf.render, made, limiter=_renderer)
        return _attached(body, "application/pdf", made.owner.username, period, Format.PDF)
    return json_response(schemas.statement_document(made))


@router.post(
    "/statements/restores",
    operation_id="askForRestore",
    status_code=202,
    responses={409: {"description": "You have as many restores as you may"}},
    response_model=schemas.RestoreOut,
)
async def ask_for_restore(
    app: App, actor: SignedIn, body: Annotated[schemas.RestoreBody, json_body(schemas.RestoreBody)]
) -> Response:
    """Have archived days made readable that a statement was refused for as `history_archived`. It takes some hours:
    look again at `GET /v1/statements/restores/{id}`. Asked again for the same days, it is the same restore."""
    first, last = restore_rules.days(body.start, body.end, today=app.clock.now().date())
    made = await restores.ask(app, asked_by=actor.user_id, first=first, last=last)
    return json_response(schemas.restore_document(made), status=202)


@router.get("/statements/restores/{restore_id}", operation_id="getRestore", response_model=schemas.RestoreOut)
async def restore(app: App, actor: SignedIn, restore_id: RestoreId) -> Response:
    """How far a restore has come that you asked for."""
    found = await app.database.read(restores.look, restore_id, actor.user_id)
    return json_response(schemas.restore_document(found))


@router.get("/wallet/balance", operation_id="getBalanceAt", responses=COLD, response_model=schemas.BalanceOut)
async def balance(
    app: App, actor: SignedIn, asked: Annotated[schemas.BalanceQuery, query(schemas.BalanceQuery)]
) -> Response:
    """What your balance was at a moment that has passed."""
    at = rules.moment(asked.at, now=app.clock.now())
    found = await service.balance_at(app, actor.user_id, at)
    return json_response(schemas.balance_document(found, at))


@router.get(
    "/transfers/{transfer_id}/history",
    operation_id="getTransferHistory",
    response_model=schemas.TransferHistoryOut,
)
async def transfer_history(
    app: App,
    actor: SignedIn,
    transfer_id: TransferId,
    asked: Annotated[schemas.HistoryQuery, query(schemas.HistoryQuery)],
) -> Response:
    """How one of your transfers stood over time, up to now or to a moment that has passed."""
    now = app.clock.now()
    at = rules.moment(asked.at, now=now) if asked.at else now
    states = await app.database.read(service.states, actor.user_id, transfer_id)
    shown = rules.until(states, at) if asked.at else states
    return json_response(schemas.history_document(transfer_id, at, shown))


def _attached(body: bytes, media_type: str, username: str, period: Period, format: Format) -> Response:
    # Usernames are of letters, digits, _ and -: the name needs no quoting.
    name = f"venmo-statement-{username}-{period.first}-to-{period.last}.{format}"
    return Response(body, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
