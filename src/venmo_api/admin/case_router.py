"""/v1/admin/cases: what detections found, and what analysts make of it. For everybody else there is nothing here."""

from typing import Annotated
from uuid import UUID

from fastapi import Response
from pydantic import Field

from venmo_api.admin import case_schemas as schemas
from venmo_api.admin.rules import Role
from venmo_api.admin.staff import Staff, staff
from venmo_api.analytics import cases
from venmo_api.analytics.rules import CaseNotFound
from venmo_api.core import ids
from venmo_api.core.paging import Page
from venmo_api.http import routes
from venmo_api.http.bodies import json_body
from venmo_api.http.dependencies import App, From, json_response, page_response
from venmo_api.http.parameters import PageQuery, path_id, query
from venmo_api.http.routes import Answers

router = routes.router("/v1/admin/cases", tag="admin")
WEAK: Answers = {403: {"description": "Staff sign in with a second factor"}}
MOVED_ON: Answers = {409: {"description": "The case is in another state than you think; read it again"}}
TWO: Answers = {403: {"description": "Somebody else approves; staff sign in with a second factor"}}
CaseId = Annotated[UUID, path_id("case_id", ids.CASE, CaseNotFound)]
# Who is an admin only does not learn that there is a case.
Analyst = Annotated[Staff, staff(Role.ANALYST)]


class CasesQuery(PageQuery):
    closed: Annotated[bool, Field(description="those that have ended, newest first")] = False


@router.get("", operation_id="listCases", response_model=schemas.CasePage, responses=WEAK)
async def list_cases(app: App, who: Analyst, origin: From, asked: Annotated[CasesQuery, query(CasesQuery)]) -> Response:
    """What nobody has ended yet, oldest first. This reading is noted."""
    found = await app.database.transact(
        cases.queue, app, asked.page, closed=asked.closed, staff=who.user_id, origin=origin
    )
    kept = app.figures.case_kept_seconds
    return page_response(
        Page([schemas.case_document(case, kept_seconds=kept) for case in found.rows], found.next_cursor)
    )


@router.get("/{case_id}", operation_id="getCase", response_model=schemas.DossierOut, responses=WEAK)
async def get_case(app: App, who: Analyst, origin: From, case_id: CaseId) -> Response:
    """Whom it is about, what was found, the payments that bear it out, and what was done. This reading is noted."""
    found = await app.database.transact(cases.read, app, case_id, staff=who.user_id, origin=origin)
    return _dossier(app, found)


@router.post(
    "/{case_id}/proposal", operation_id="proposeEnding", response_model=schemas.DossierOut, responses=WEAK | MOVED_ON
)
async def propose(
    app: App,
    who: Analyst,
    origin: From,
    case_id: CaseId,
    body: Annotated[schemas.ProposalBody, json_body(schemas.ProposalBody)],
) -> Response:
    """Propose how the case ends: reported, or dismissed. Somebody else approves it."""
    found = await app.database.transact(
        cases.propose, app, case_id, body.disposition, body.narrative, staff=who.user_id, origin=origin
    )
    return _dossier(app, found)


@router.post(
    "/{case_id}/judgement", operation_id="judgeProposal", response_model=schemas.DossierOut, responses=TWO | MOVED_ON
)
async def judge(
    app: App,
    who: Analyst,
    origin: From,
    case_id: CaseId,
    body: Annotated[schemas.JudgementBody, json_body(schemas.JudgementBody)],
) -> Response:
    """Approve what somebody else proposed, which ends the case, or return it. A case file is written of what is
    reported."""
    found = await app.database.transact(cases.judge, app, case_id, body.judgement, staff=who.user_id, origin=origin)
    return _dossier(app, found)


def _dossier(app: App, found: cases.Dossier) -> Response:
    return json_response(schemas.dossier_document(found, kept_seconds=app.figures.case_kept_seconds))
