"""The desk: what a batch is screened with, read under the locks, and what it decided, to be written. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from venmo_api.core.policy import Policy
from venmo_api.core.scoring import NoModel, Scorer
from venmo_api.risk import counters
from venmo_api.risk.counters import Counters, Party, key_of
from venmo_api.risk.features import Flow
from venmo_api.risk.rules import Decision, DecisionKind, Facts, Reason, Verdict, screen

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_REASONS = {
    ("sender", "block"): Reason.SENDER_BLOCKED,
    ("recipient", "block"): Reason.RECIPIENT_BLOCKED,
    ("sender", "sanctions"): Reason.SENDER_SANCTIONED,
    ("recipient", "sanctions"): Reason.RECIPIENT_SANCTIONED,
}


@dataclass(frozen=True, slots=True)
class Side:
    """A person, and when they signed up."""

    id: UUID
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A payment or cash-out that nothing else refuses. ``contact``: the alias of a recipient who was named by one.
    ``holdable``: its money can wait for a review."""

    tx_id: UUID
    kind: DecisionKind
    sender: Side
    recipient: Side | None
    amount: int
    at: datetime
    holdable: bool = True
    new_device: bool = False
    device_id: UUID | None = None
    contact: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored of one account. ``record``: its counters; None: nothing was counted yet. ``lists``: where it
    stands. ``snoozes``: rules that do not speak of it, until when."""

    record: str | None = None
    lists: Sequence[str] = ()
    snoozes: Sequence[tuple[str, datetime]] = ()


NOTHING = Known()


@dataclass(slots=True)
class Seated:
    """A person at the desk. ``unreadable``: their record was, and is begun anew. ``counted``: it has to be written."""

    id: UUID
    party: Party
    known: Known
    unreadable: bool = False
    counted: bool = False

    @property
    def counters(self) -> Counters:
        return self.party.counters


@dataclass(frozen=True, slots=True)
class Judged:
    """A decision with all it was taken on; ``us`` is its moment, microseconds since 1970."""

    asked: Asked
    us: int
    facts: Facts
    decision: Decision
    model: str | None
    sides: tuple[Seated, Seated | None]

    @property
    def verdict(self) -> Verdict:
        return self.decision.verdict


@dataclass(slots=True)
class Desk:
    """``floor_us``: no decision is as early as this. ``contacts``: which lists a contact stands on, by alias.
    ``policy_known``: the figures of the policy's version are kept already."""

    policy: Policy = field(default_factory=Policy)
    scorer: Scorer = field(default_factory=NoModel)
    known: Mapping[UUID, Known] = field(default_factory=dict)
    contacts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    floor_us: int = 0
    policy_known: bool = False
    began: datetime = EPOCH
    judged: list[Judged] = field(default_factory=list)
    seats: dict[UUID, Seated] = field(default_factory=dict)

    def judge(self, asked: Asked) -> Judged:
        """What is to become of it. Nothing is counted until it is kept."""
        sender = self._seated(asked.sender)
        recipient = self._seated(asked.recipient) if asked.recipient else None
        last_us = max(sender.counters.last_us, recipient.counters.last_us if recipient else 0, self.floor_us)
        us = max((asked.at - EPOCH) // MICROSECOND, last_us + 1)
        vector = counters.read(asked.amount, sender.party, recipient.party if recipient else None, us=us)
        degraded = sender.unreadable or (recipient is not None and recipient.unreadable)
        model = self.scorer.sha256
        score = self._score(vector) if model is not None and not degraded else None
        degraded = degraded or (model is not None and score is None)
        facts = Facts(
            asked.kind,
            asked.amount,
            vector,
            new_device=asked.new_device,
            holdable=asked.holdable,
            listed=self._listed(asked, sender, recipient),
            snoozed=tuple(sorted(rule for rule, until in sender.known.snoozes if until > asked.at)),
            score=score,
            degraded=degraded,
        )
        return Judged(asked, us, facts, screen(facts, self.policy), model, (sender, recipient))

    def keep(self, judged: Judged) -> None:
        """It has happened, or was declined: log it, and count it unless it was declined."""
        asked, us, (sender, recipient) = judged.asked, judged.us, judged.sides
        if judged.verdict is not Verdict.DENY:
            flow = Flow.CASHED if asked.kind is DecisionKind.CASH_OUT else Flow.SENT
            sender.counters.count(flow, asked.amount, us=us, other=recipient.party.key if recipient else None)
            if recipient:
                recipient.counters.count(Flow.RECEIVED, asked.amount, us=us, other=sender.party.key)
        for one in (sender, recipient):
            if one:
                one.counters.last_us = us
                one.counted = True
        self.judged.append(judged)

    def _score(self, vector: Sequence[int]) -> float | None:
        """None: payments go on by rules alone, whatever is wrong with the model."""
        try:
            [score] = self.scorer.score([vector])
        except Exception:
            return None
        return score if 0 <= score <= 1 else None  # no bands for what is no number

    def _seated(self, side: Side) -> Seated:
        seated = self.seats.get(side.id)
        if seated is None:
            seated = self.seats[side.id] = self._seat(side)
        return seated

    def _seat(self, side: Side) -> Seated:
        known, opened_us = self.known.get(side.id, NOTHING), (side.since - EPOCH) // MICROSECOND if side.since else 0
        try:
            counted = counters.loaded(known.record) if known.record is not None else Counters()
        except counters.Unreadable:
            return Seated(side.id, Party(key_of(side.id), opened_us, Counters()), known, unreadable=True)
        return Seated(side.id, Party(key_of(side.id), opened_us, counted), known)

    def _listed(self, asked: Asked, sender: Seated, recipient: Seated | None) -> tuple[Reason, ...]:
        paid = [*(recipient.known.lists if recipient else ()), *self.contacts.get(asked.contact or "", ())]
        if not paid and not sender.known.lists:
            return ()
        found = [("sender", name) for name in sender.known.lists] + [("recipient", name) for name in paid]
        return tuple(sorted({_REASONS[one] for one in found}))


def moment(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)
