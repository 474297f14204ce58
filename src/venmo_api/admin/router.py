"""/v1/admin: what staff look at, end and decide. For everybody else there is nothing here."""

from typing import Annotated
from uuid import UUID

from fastapi import Request, Response
from pydantic import Field

from venmo_api.admin import schemas, service
from venmo_api.admin.rules import Reason, Role
from venmo_api.admin.staff import Staff, staff
from venmo_api.auth.actor import refuse_at_once
from venmo_api.auth.schemas import SessionList, session_document
from venmo_api.core import ids
from venmo_api.core.errors import InvalidField
from venmo_api.core.paging import Page
from venmo_api.feed import reports
from venmo_api.feed.act_rules import ReportNotFound
from venmo_api.http import fields, routes
from venmo_api.http.bodies import Plain, json_body
from venmo_api.http.dependencies import App, From, json_response, page_response
from venmo_api.http.parameters import PageQuery, Paging, Query, path_id, query
from venmo_api.http.routes import Answers
from venmo_api.users.rules import UserNotFound
from venmo_api.users.schemas import UserPage, card_document

router = routes.router("/v1/admin", tag="admin")
WEAK: Answers = {403: {"description": "Staff sign in with a second factor"}}
DECIDED: Answers = {409: {"description": "Somebody has decided this meanwhile"}}
UserId = Annotated[UUID, path_id("user_id", ids.USER, UserNotFound)]
ReportId = Annotated[UUID, path_id("report_id", ids.REPORT, ReportNotFound)]
Support = Annotated[Staff, staff(Role.SUPPORT, Role.ADMIN)]
Analyst = Annotated[Staff, staff(Role.ANALYST, Role.ADMIN)]


PersonId = Annotated[str, Field(max_length=64), fields.public_id(ids.USER)]


class PeopleQuery(PageQuery):
    query: Annotated[str, Field(min_length=1, max_length=60, examples=["al"]), fields.plain(60), Plain]


class PersonQuery(Query):
    reason: Reason


class TransfersQuery(PageQuery):
    reason: Reason | None = None


class TrailQuery(PageQuery):
    subject: Annotated[PersonId | None, Field(description="id of whom it was done to")] = None
    actor: Annotated[PersonId | None, Field(description="id of who did it")] = None


@router.get("/users", operation_id="findPeople", response_model=UserPage, responses=WEAK)
async def people(app: App, who: Support, origin: From, asked: Annotated[PeopleQuery, query(PeopleQuery)]) -> Response:
    """People whose username or display name begins with ``query``."""
    found = await app.database.transact(service.people, app, asked.query, asked.page, actor=who.user_id, origin=origin)
    return page_response(Page([card_document(card) for card in found.rows], found.next_cursor))


@router.get("/users/{user_id}", operation_id="getPerson", response_model=schemas.PersonOut, responses=WEAK)
async def person(
    app: App, who: Support, origin: From, user_id: UserId, asked: Annotated[PersonQuery, query(PersonQuery)]
) -> Response:
    """Somebody's profile, for a `reason`. Support sees contacts masked, an admin whole."""
    role = Role.ADMIN if Role.ADMIN in who.roles else Role.SUPPORT
    profile = await app.database.transact(
        service.person, app, user_id, actor=who.user_id, origin=origin, reason=asked.reason, role=role
    )
    return json_response(schemas.person_document(profile, masked=role is not Role.ADMIN))


@router.get(
    "/users/{user_id}/transfers",
    operation_id="listTransfersOf",
    response_model=schemas.SeenTransferPage,
    responses=WEAK,
)
async def transfers(
    app: App, who: Support, origin: From, user_id: UserId, asked: Annotated[TransfersQuery, query(TransfersQuery)]
) -> Response:
    """What somebody sent and received, newest first; notes of private transfers only for a `reason`."""
    found = await app.database.transact(
        service.transfers_of, app, user_id, asked.page, actor=who.user_id, origin=origin, reason=asked.reason
    )
    noted = asked.reason is not None
    rows = [schemas.transfer_document(transfer, noted=noted) for transfer in found.rows]
    return page_response(Page(rows, found.next_cursor))


@router.get("/users/{user_id}/sessions", operation_id="listSessionsOf", response_model=SessionList, responses=WEAK)
async def sessions(app: App, who: Support, origin: From, user_id: UserId) -> Response:
    """Where somebody is signed in."""
    found = await app.database.transact(service.sessions_of, app, user_id, actor=who.user_id, origin=origin)
    return json_response({"data": [session_document(session, current=who.session_id) for session in found]})


@router.post(
    "/users/{user_id}/sessions/revoke",
    operation_id="signOutPerson",
    response_model=schemas.SignedOut,
    responses=WEAK,
)
async def sign_out(
    request: Request,
    app: App,
    who: Support,
    origin: From,
    user_id: UserId,
    body: Annotated[schemas.SignOutBody, json_body(schemas.SignOutBody)],
) -> Response:
    """End every session of somebody, as when their phone was stolen."""
    ended = await app.database.transact(
        service.sign_out, app, user_id, actor=who.user_id, origin=origin, reason=body.reason
    )
    refuse_at_once(request, ended)
    return json_response({"revoked": len(ended)})


@router.get("/audit", operation_id="listAudit", response_model=schemas.EntryPage, responses=WEAK)
async def trail(app: App, who: Analyst, origin: From, asked: Annotated[TrailQuery, query(TrailQuery)]) -> Response:
    """What was done to a `subject` or by an `actor`, or all, newest first. This reading is noted, too."""
    found = await app.database.transact(
        service.trail,
        app,
        asked.page,
        actor=who.user_id,
        origin=origin,
        of_subject=_user("subject", asked.subject),
        of_actor=_user("actor", asked.actor),
        roles=who.roles,
    )
    return page_response(Page([schemas.entry_document(entry) for entry in found.rows], found.next_cursor))


@router.get("/reports", operation_id="listReports", response_model=schemas.ReportPage, responses=WEAK)
async def list_reports(app: App, who: Support, origin: From, asked: Paging) -> Response:
    """What people reported and nobody has decided, oldest first. This reading is noted, too."""
    found = await app.database.transact(reports.queue, app, asked.page, staff=who.user_id, origin=origin)
    return page_response(Page([schemas.report_document(row, app.keys) for row in found.rows], found.next_cursor))


@router.post(
    "/reports/{report_id}",
    operation_id="decideReport",
    responses=WEAK | DECIDED,
    status_code=204,
    response_class=Response,
)
async def decide_report(
    app: App,
    who: Support,
    origin: From,
    report_id: ReportId,
    body: Annotated[schemas.VerdictBody, json_body(schemas.VerdictBody)],
) -> Response:
    """Decide all reports of the same thing: `remove` deletes a comment, or leaves a story to its parties."""
    await app.database.transact(reports.decide, app, report_id, body.verdict, staff=who.user_id, origin=origin)
    return Response(status_code=204)


def _user(name: str, text: str | None) -> UUID | None:
    if text is None:
        return None
    found = ids.decode(ids.USER, text)
    if found is None:
        raise InvalidField(f"?{name}", "This is not the id of a person; it begins with usr_.")
    return found
