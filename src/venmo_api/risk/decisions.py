"""The decision log read back: one decision, a stretch of them, and every decision taken again."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.policy import Policy
from venmo_api.risk import features, rules
from venmo_api.risk.rules import Decision, DecisionKind, Facts, Reason, Verdict

STRETCH = 5_000
ONE = text("SELECT * FROM risk_decisions WHERE tx_id = :tx_id ORDER BY decided_at LIMIT 1")
AFTER = text("""
    SELECT * FROM risk_decisions WHERE tx_id > :after AND tx_id < :until ORDER BY tx_id LIMIT :most
""")
OF = text("SELECT * FROM risk_decisions WHERE tx_id = ANY(CAST(:tx_ids AS uuid[]))")
POLICIES = text("SELECT version, figures FROM risk_policies")


@dataclass(frozen=True, slots=True)
class Logged:
    """A decision with all it was taken on. ``policy`` is a version; ``model`` the SHA-256 of the model that scored."""

    tx_id: UUID
    decided_at: datetime
    sender_id: UUID
    recipient_id: UUID | None
    facts: Facts
    decision: Decision
    policy: str
    model: str | None
    latency_us: int


@dataclass(frozen=True, slots=True)
class Replay:
    """How many decisions were taken again, and those that came out otherwise, or whose policy is not known."""

    decisions: int
    different: tuple[UUID, ...]


async def find(tx: Transaction, tx_id: UUID) -> Logged | None:
    """What was decided of a payment or cash-out, unless it is in the archive."""
    row = (await tx.execute(ONE, {"tx_id": tx_id})).first()
    return from_row(row) if row else None


async def of(tx: Transaction, tx_ids: Sequence[UUID]) -> dict[UUID, Logged]:
    """What was decided of each of these."""
    rows = await tx.execute(OF, {"tx_ids": tx_ids})
    return {row.tx_id: from_row(row) for row in rows}


async def after(tx: Transaction, last: UUID, *, until: UUID, most: int = STRETCH) -> list[Logged]:
    """What was decided of the payments after this one and before ``until``, in order of their ids, at most so many."""
    rows = await tx.execute(AFTER, {"after": last, "until": until, "most": most})
    return [from_row(row) for row in rows]


async def policies(tx: Transaction) -> dict[str, Policy]:
    """Each policy that has ever decided, by version."""
    return {row.version: rules.policy_of(row.figures) for row in await tx.execute(POLICIES)}


async def replay(app: Adapters, since: UUID) -> AsyncIterator[Replay]:
    """Take every decision again that Postgres has after this payment: what each stretch of them came to."""
    known, last = await app.database.read(policies), since
    while found := await app.database.read(after, last, until=UUID(int=2**128 - 1)):
        yield Replay(len(found), tuple(one.tx_id for one in found if not stands(one, known)))
        last = found[-1].tx_id


def stands(logged: Logged, known: dict[str, Policy]) -> bool:
    """Whether it is what its policy decides on its facts."""
    policy = known.get(logged.policy)
    return policy is not None and rules.screen(logged.facts, policy) == logged.decision


def first_id(at: datetime) -> UUID:
    """No id that was made at this moment of the wall clock, or later, is before this one."""
    return UUID(int=max(int(at.timestamp() * 1000), 0) << 80)


def from_row(row: Any) -> Logged:
    return Logged(
        tx_id=row.tx_id,
        decided_at=row.decided_at,
        sender_id=row.sender_id,
        recipient_id=row.recipient_id,
        facts=Facts(
            kind=DecisionKind(row.kind),
            amount=row.amount,
            features=_whole(features.unpacked(row.features)),
            new_device=row.new_device,
            holdable=row.holdable,
            listed=tuple(Reason(one) for one in row.listed),
            snoozed=tuple(row.snoozed),
            score=row.score,
            degraded=row.degraded,
        ),
        decision=Decision(Verdict(row.verdict), tuple(Reason(one) for one in row.reasons)),
        policy=row.policy,
        model=row.model,
        latency_us=row.latency_us,
    )


def _whole(vector: Sequence[int]) -> Sequence[int]:
    """Older vectors lack what was appended to the table since; no policy of then asked for it."""
    return [*vector, *[0] * (len(features.NAMES) - len(vector))]
