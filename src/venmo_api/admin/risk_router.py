"""/v1/admin/risk: what analysts see and decide of payments. For everybody else there is nothing here."""

import re
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Response

from venmo_api.admin import reviews
from venmo_api.admin import risk_schemas as schemas
from venmo_api.admin.rules import Role
from venmo_api.admin.staff import Staff, staff
from venmo_api.core import ids
from venmo_api.core.errors import InvalidField
from venmo_api.core.paging import Page
from venmo_api.http import routes
from venmo_api.http.bodies import json_body
from venmo_api.http.dependencies import App, From, json_response, page_response
from venmo_api.http.parameters import Paging, path_id, query
from venmo_api.http.routes import Answers
from venmo_api.risk import scorer
from venmo_api.risk.labels import LabelSource
from venmo_api.risk.lists import EntryNotFound, RuleNotFound
from venmo_api.risk.rules import SNOOZABLE, Verdict
from venmo_api.risk.shadows import NAME, ShadowNotFound
from venmo_api.transfers.review_rules import RiskCaseNotFound
from venmo_api.users.rules import UserNotFound

router = routes.router("/v1/admin/risk", tag="admin")
WEAK: Answers = {403: {"description": "Staff sign in with a second factor"}}
NOT_ONESELF: Answers = {403: {"description": "Nobody decides about themselves; staff sign in with a second factor"}}
DECIDED: Answers = {409: {"description": "It is decided, has run out, or there is nobody to release it to"}}
OPPOSITE: Answers = {409: {"description": "This source has said the opposite of it"}}
TransferId = Annotated[UUID, path_id("transfer_id", ids.TRANSFER, RiskCaseNotFound)]
PersonId = Annotated[UUID, path_id("user_id", ids.USER, UserNotFound)]
EntryId = Annotated[UUID, path_id("entry_id", ids.LISTED, EntryNotFound)]
# Who is an admin only does not learn who is suspected.
Analyst = Annotated[Staff, staff(Role.ANALYST)]


async def _rule(request: Request) -> str:
    rule: str = request.path_params["rule"]
    if rule not in SNOOZABLE:
        raise RuleNotFound
    return rule


async def _shadow(request: Request) -> str:
    name: str = request.path_params["name"]
    if not re.fullmatch(NAME, name):
        raise ShadowNotFound
    return name


_rule.path_parameter = ("rule", {"enum": list(SNOOZABLE)})  # type: ignore[attr-defined]
_shadow.path_parameter = ("name", {"maxLength": 40, "pattern": NAME})  # type: ignore[attr-defined]
Rule = Annotated[str, Depends(_rule)]
ShadowName = Annotated[str, Depends(_shadow)]


@router.get("/queue", operation_id="listHeldPayments", response_model=schemas.HeldPage, responses=WEAK)
async def queue(app: App, who: Analyst, origin: From, asked: Paging) -> Response:
    """Payments that wait for a verdict, oldest first. This reading is noted."""
    found = await app.database.transact(reviews.queue, app, asked.page, actor=who.user_id, origin=origin)
    return page_response(Page([schemas.held_document(one) for one in found.rows], found.next_cursor))


@router.get(
    "/cases/{transfer_id}", operation_id="getRiskCase", response_model=schemas.RiskCaseOut, responses=NOT_ONESELF
)
async def case(app: App, who: Analyst, origin: From, transfer_id: TransferId) -> Response:
    """What was decided of a payment and on what: reasons, features, score, and what both sides did lately. This reading
    is noted."""
    found = await app.database.transact(reviews.case, app, transfer_id, actor=who.user_id, origin=origin)
    logged = found.logged
    doubted = logged.model is not None and logged.decision.verdict is not Verdict.ALLOW
    raised = await scorer.explain(app, str(logged.model), logged.facts.features) if doubted else []
    return json_response(schemas.case_document(found, raised))


@router.post(
    "/cases/{transfer_id}/verdict",
    operation_id="decideHeldPayment",
    response_model=schemas.RulingOut,
    responses=NOT_ONESELF | DECIDED,
)
async def decide(
    app: App,
    who: Analyst,
    origin: From,
    transfer_id: TransferId,
    body: Annotated[schemas.HeldVerdictBody, json_body(schemas.HeldVerdictBody)],
) -> Response:
    """Release a held payment, or give it back to its sender. One verdict counts: given again by the same analyst it is
    answered the same, and every other is refused. It is kept as a label to train by."""
    ruling = await app.database.transact(
        reviews.decide, app, transfer_id, body.verdict, actor=who.user_id, origin=origin
    )
    return json_response(schemas.ruling_document(ruling))


@router.post(
    "/cases/{transfer_id}/labels",
    operation_id="labelPayment",
    response_model=schemas.LabelList,
    responses=NOT_ONESELF | OPPOSITE,
)
async def label(
    app: App,
    who: Analyst,
    origin: From,
    transfer_id: TransferId,
    body: Annotated[schemas.LabelBody, json_body(schemas.LabelBody)],
) -> Response:
    """Enter what a bank said of a payment: a return, a chargeback. All that is known of it."""
    known = await app.database.transact(
        reviews.tell,
        app,
        transfer_id,
        LabelSource(body.source),
        fraud=body.fraud,
        actor=who.user_id,
        origin=origin,
    )
    return json_response({"data": schemas.labels_document(known)})


@router.get("/decisions", operation_id="listDecisions", response_model=schemas.DecisionPage, responses=NOT_ONESELF)
async def decisions(
    app: App, who: Analyst, origin: From, asked: Annotated[schemas.DecisionsQuery, query(schemas.DecisionsQuery)]
) -> Response:
    """What was decided of payments and cash-outs, newest first: of all, of a `subject`, or with a `verdict`. This
    reading is noted."""
    person = ids.decode(ids.USER, asked.subject) if asked.subject is not None else None
    if asked.subject is not None and person is None:
        raise InvalidField("?subject", "This is not the id of a person; it begins with usr_.")
    if person is not None and asked.verdict is not None:
        raise InvalidField("?verdict", "Ask for a subject or for a verdict, not for both.")
    found = await app.database.transact(
        reviews.decided, app, asked.page, person=person, verdict=asked.verdict, actor=who.user_id, origin=origin
    )
    return page_response(Page([schemas.decision_document(one) for one in found.rows], found.next_cursor))


@router.put(
    "/snoozes/{user_id}/{rule}", operation_id="snoozeRule", response_model=schemas.SnoozeOut, responses=NOT_ONESELF
)
async def snooze(
    app: App,
    who: Analyst,
    origin: From,
    user_id: PersonId,
    rule: Rule,
    body: Annotated[schemas.SnoozeBody, json_body(schemas.SnoozeBody)],
) -> Response:
    """Let a rule not speak about what somebody sends or takes out, for so many hours from now. Lists cannot be
    snoozed."""
    sleeps = timedelta(hours=body.hours)
    snoozed = await app.database.transact(
        reviews.snooze, app, user_id, rule, sleeps=sleeps, actor=who.user_id, origin=origin
    )
    return json_response(schemas.snooze_document(snoozed))


@router.delete(
    "/snoozes/{user_id}/{rule}",
    operation_id="wakeRule",
    status_code=204,
    response_class=Response,
    responses=WEAK,
)
async def wake(app: App, who: Analyst, origin: From, user_id: PersonId, rule: Rule) -> Response:
    """Let the rule speak again, from the next payment on."""
    await app.database.transact(reviews.wake, app, user_id, rule, actor=who.user_id, origin=origin)
    return Response(status_code=204)


@router.get("/blocklist", operation_id="listBlocklist", response_model=schemas.ListedPage, responses=WEAK)
async def blocklist(app: App, who: Analyst, origin: From, asked: Paging) -> Response:
    """Who may neither pay nor be paid, newest first. This reading is noted."""
    found = await app.database.transact(reviews.listed, app, asked.page, actor=who.user_id, origin=origin)
    return page_response(Page([schemas.listed_document(one) for one in found.rows], found.next_cursor))


@router.post(
    "/blocklist",
    operation_id="addToBlocklist",
    status_code=201,
    response_model=schemas.ListedOut,
    responses=NOT_ONESELF | {404: {"description": "Nobody is known under this name"}},
)
async def block(
    app: App, who: Analyst, origin: From, body: Annotated[schemas.ListedBody, json_body(schemas.ListedBody)]
) -> Response:
    """Decline whatever somebody sends, takes out or is sent, from the next payment on. Asked again, the answer is the
    same."""
    listed = await app.database.transact(
        reviews.block,
        app,
        body.subject.named(),
        on=body.list,
        reason=body.reason,
        actor=who.user_id,
        origin=origin,
    )
    return json_response(schemas.listed_document(listed), status=201)


@router.delete(
    "/blocklist/{entry_id}",
    operation_id="removeFromBlocklist",
    status_code=204,
    response_class=Response,
    responses=NOT_ONESELF,
)
async def unblock(app: App, who: Analyst, origin: From, entry_id: EntryId) -> Response:
    """Take an entry off its list."""
    await app.database.transact(reviews.unblock, app, entry_id, actor=who.user_id, origin=origin)
    return Response(status_code=204)


@router.get("/shadows", operation_id="listShadows", response_model=schemas.ShadowList, responses=WEAK)
async def shadows(app: App, who: Analyst, origin: From) -> Response:
    """Candidates of the policy, by name. They decide nothing; `venmo-api risk shadow add` makes one."""
    found = await app.database.transact(reviews.candidates, app, actor=who.user_id, origin=origin)
    return json_response({"data": [schemas.shadow_document(one) for one in found]})


@router.get("/shadows/{name}", operation_id="getShadowReport", response_model=schemas.ShadowReport, responses=WEAK)
async def shadow_report(app: App, who: Analyst, origin: From, name: ShadowName) -> Response:
    """What a candidate would have decided otherwise: how many and how much, for which reasons, and whether labels speak
    for it."""
    found = await app.database.transact(reviews.report, app, name, actor=who.user_id, origin=origin)
    return json_response(schemas.report_document(found))
