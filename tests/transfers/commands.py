"""Payments as commands, with every id and moment fixed, so that two runs of them can be compared byte by byte."""

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tests.conftest import Person
from venmo_api.core import ids
from venmo_api.idempotency.rules import Claim
from venmo_api.transfers.rules import Pay
from venmo_api.users.rules import Audience

# After every moment that the accounts of a test have seen: an account's times never step back.
AT = datetime(2036, 11, 20, 12, 30, 15, 123456, tzinfo=UTC)


def user_id(person: Person) -> UUID:
    found = ids.decode(ids.USER, person.id)
    assert found is not None
    return found


def pay(
    number: int,
    sender: UUID,
    recipient: UUID | tuple[str, str],
    amount: int,
    *,
    key: str | None = None,
    note: str = "lunch",
    audience: Audience | None = None,
    route: str = "pay",
) -> Pay:
    """The ``number``-th command of a test. Its fingerprint is that of what is asked."""
    at = AT + timedelta(milliseconds=number)
    asked = hashlib.sha256(repr((recipient, amount, note, audience)).encode()).digest()
    return Pay(
        claim=Claim(sender, route, key or f"key-number-{number}", (asked,), at),
        transfer_id=UUID(int=(0x0199 << 112) + number),
        sender_id=sender,
        recipient=recipient,
        amount=amount,
        currency="USD",
        note=note,
        audience=audience,
        request_id=f"request-{number:08}",
        at=at,
    )
