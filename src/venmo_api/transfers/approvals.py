"""Large payments of people with a second factor: let pass when this payee and this amount were approved."""

from typing import Any, Final
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.auth import step_up
from venmo_api.auth.proofs import Approves
from venmo_api.auth.tokens import Actor
from venmo_api.transfers.rules import RecipientNotFound
from venmo_api.users import service as users

Named = UUID | tuple[str, str]
HEADER: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "Approval",
            "in": "header",
            "required": False,
            "description": "from `POST /v1/auth/step-up`: needed with a second factor, if the payment is large",
            "schema": {"type": "string", "maxLength": 100, "pattern": "^[!-~]*$"},
        }
    ]
}
"""For ``openapi_extra`` of the routes that take one."""


async def demand(
    app: Adapters, actor: Actor, *, recipient: Named, amount: int, approval: str | None, operation: tuple[str, str]
) -> None:
    """Bind the approval of this payment to its ``operation`` (route and idempotency key), if it needs one.

    Raises ApprovalRequired, and RecipientNotFound for a username nobody has.

    In a transaction of its own, before the money's: that one knows nothing of approvals, and by the operation an
    approval is bound to, money moves once at most. A payment that is then refused has used its approval up.
    """
    if amount > app.figures.approve_above:
        await app.database.transact(_demand, app, actor, recipient, amount, approval or "", " ".join(operation))


async def _demand(
    tx: Transaction, app: Adapters, actor: Actor, recipient: Named, amount: int, approval: str, key: str
) -> None:
    payee: Named = recipient
    if isinstance(recipient, tuple):
        found = (await users.find(tx, app, [recipient])).get(recipient)
        if found and await users.hidden(tx, [(actor.user_id, found)]):
            found = None  # as the payment will see it
        if found is None and recipient[0] == "username":
            raise RecipientNotFound
        payee = found or recipient
    await step_up.approved(tx, app, actor, Approves(payee, amount), approval=approval, key=key)
