"""What a decision costs by itself: the pure part of the money path, in batches as the service decides them."""

import time
from datetime import UTC, datetime
from uuid import UUID

from venmo_api.core.figures import Figures
from venmo_api.idempotency.rules import Claim
from venmo_api.ledger.book import Book, OpenAccount
from venmo_api.limits.rules import Flow, Meter, Window
from venmo_api.transfers.rules import Case, Pay, decide
from venmo_api.transfers.schemas import reply
from venmo_api.users.rules import Audience, Card, Party

BATCH, BATCHES = 32, 200
AT = datetime(2026, 1, 1, tzinfo=UTC)


def cost_us() -> float:
    """CPU microseconds to decide one payment and to render its answer."""
    began = time.process_time()
    for number in range(BATCHES):
        _decide_batch(number)
    return (time.process_time() - began) * 1e6 / (BATCH * BATCHES)


def _decide_batch(number: int) -> None:
    people = [UUID(int=one + 1) for one in range(2 * BATCH)]
    parties = {one: Party(Card(one, f"user{one.int}", f"User {one.int}", None), Audience.FRIENDS) for one in people}
    commands = [_command(number * BATCH + one, people[one], people[one + BATCH]) for one in range(BATCH)]
    figures = Figures()
    windows = {command.transfer_id: Window() for command in commands}
    case = Case(
        book=Book.of(OpenAccount(one, 1000, 0, 0, 1) for one in people),
        meter=Meter(Flow.SENT, figures, windows),
        figures=figures,
        earlier={},
        known={},
        people=parties,
        friends=frozenset(),
        proofs={},
        attempts={},
    )
    for command in commands:
        assert isinstance(command.recipient, UUID)
        sender, recipient = parties[command.sender_id], parties[command.recipient]
        reply(command, decide(command, sender=sender, recipient=recipient, case=case))


def _command(number: int, sender: UUID, recipient: UUID) -> Pay:
    return Pay(
        claim=Claim(sender, "pay", f"key-{number}", (b"",), AT),
        transfer_id=UUID(int=(1 << 64) + number),
        sender_id=sender,
        recipient=recipient,
        amount=1,
        currency="USD",
        note=f"bench {number}",
        audience=None,
        request_id="bench",
        at=AT,
    )
