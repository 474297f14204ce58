"""``staff(role, ...)``: the caller of a request, who must have one of these roles, for routers."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import Depends, Request

from venmo_api.adapters.bundle import Adapters
from venmo_api.admin import service
from venmo_api.admin.rules import Nothing, Role, SecondFactorNeeded, is_strong
from venmo_api.audit import service as audit
from venmo_api.audit.rules import Act, Result
from venmo_api.auth.actor import signed_in
from venmo_api.auth.tokens import Actor
from venmo_api.core.errors import AppError
from venmo_api.http.dependencies import origin_of


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody of the staff, with the roles they have at this moment."""

    user_id: UUID
    session_id: UUID
    roles: frozenset[Role]


def staff(*wanted: Role) -> Any:
    """Asks Postgres at each request: a role that was taken away is gone with the next one. For who has none of
    ``wanted`` there is nothing here (404); in production a role counts only with a second factor. Who is
    refused is noted."""

    async def read(request: Request) -> Staff:
        actor = await signed_in(request)
        app: Adapters = request.app.state.adapters
        roles = await app.database.read(service.roles, actor.user_id)
        refusal = _refusal(request, actor, roles.isdisjoint(wanted))
        if refusal is not None:
            await app.database.transact(
                audit.note,
                app,
                Act.ASK_AS_STAFF,
                actor=actor.user_id,
                result=Result.REFUSED,
                origin=origin_of(request),
                details={"operation": request.scope["route"].operation_id},
            )
            raise refusal
        return Staff(actor.user_id, actor.session_id, roles)

    read.security = "bearer"  # type: ignore[attr-defined]
    read.caller = signed_in  # type: ignore[attr-defined]
    return Depends(read)


def _refusal(request: Request, actor: Actor, without_role: bool) -> AppError | None:
    if without_role:
        return Nothing()
    weak = request.app.state.staff_need_factor and not is_strong(actor.amr)
    return SecondFactorNeeded() if weak else None
