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
class Judged:
    """A decision with all it was taken on; ``us`` is its moment, microseconds since 1970."""

    asked: Asked
    us: int
    facts: Facts
    decision: Decision
    model: str | None

    @property
    def verdict(self) -> Verdict:
        return self.decision.verdict


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored of one account. ``record``: its counters; None: nothing was counted yet. ``lists``: where it
    stands. ``snoozes``: rules that do not speak of it, until when."""

    record: str | None = None
    lists: Sequence[str] = ()
    snoozes: Sequence[tuple[str, datetime]] = ()


NOTHING = Known()


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
    counters: dict[UUID, Counters] = field(default_factory=dict)
    unreadable: set[UUID] = field(default_factory=set)
    touched: set[UUID] = field(default_factory=set)

    def judge(self, asked: Asked) -> Judged:
        """What is to become of it. Nothing is counted until it is kept."""
        sender = self._party(asked.sender)
        recipient = self._party(asked.recipient) if asked.recipient else None
        last_us = max(sender.counters.last_us, recipient.counters.last_us if recipient else 0, self.floor_us)
        us = max((asked.at - EPOCH) // MICROSECOND, last_us + 1)
        vector = counters.read(asked.amount, sender, recipient, us=us)
        degraded = not self.unreadable.isdisjoint(side.id for side in (asked.sender, asked.recipient) if side)
        score, model = None, self.scorer.sha256
        if model is not None and not degraded:
            try:
                [score] = self.scorer.score([vector])
            except Exception:  # payments go on by rules alone, whatever is wrong with the model
                degraded = True
        snoozes = self.known.get(asked.sender.id, NOTHING).snoozes
        facts = Facts(
            kind=asked.kind,
            amount=asked.amount,
            features=vector,
            new_device=asked.new_device,
            holdable=asked.holdable,
            listed=self._listed(asked),
            snoozed=tuple(sorted(rule for rule, until in snoozes if until > asked.at)),
            score=score,
            degraded=degraded,
        )
        return Judged(asked, us, facts, screen(facts, self.policy), model)

    def keep(self, judged: Judged) -> None:
        """It has happened, or was declined: log it, and count it unless it was declined."""
        asked, us = judged.asked, judged.us
        sender = self.counters[asked.sender.id]
        recipient = self.counters[asked.recipient.id] if asked.recipient else None
        if judged.verdict is not Verdict.DENY:
            flow = Flow.CASHED if asked.kind is DecisionKind.CASH_OUT else Flow.SENT
            payee = key_of(asked.recipient.id) if asked.recipient else None
            sender.count(flow, asked.amount, us=us, other=payee)
            if recipient:
                recipient.count(Flow.RECEIVED, asked.amount, us=us, other=key_of(asked.sender.id))
        for side, one in ((asked.sender, sender), (asked.recipient, recipient)):
            if side and one:
                one.last_us = us
                self.touched.add(side.id)
        self.judged.append(judged)

    def _party(self, side: Side) -> Party:
        if side.id not in self.counters:
            self.counters[side.id] = self._loaded(side.id)
        opened_us = (side.since - EPOCH) // MICROSECOND if side.since else 0
        return Party(key_of(side.id), opened_us, self.counters[side.id])

    def _loaded(self, person: UUID) -> Counters:
        record = self.known.get(person, NOTHING).record
        try:
            return counters.loaded(record) if record is not None else Counters()
        except counters.Unreadable:
            self.unreadable.add(person)
            return Counters()

    def _listed(self, asked: Asked) -> tuple[Reason, ...]:
        found = [("sender", name) for name in self.known.get(asked.sender.id, NOTHING).lists]
        if asked.recipient:
            found += [("recipient", name) for name in self.known.get(asked.recipient.id, NOTHING).lists]
        if asked.contact:
            found += [("recipient", name) for name in self.contacts.get(asked.contact, ())]
        return tuple(sorted({_REASONS[one] for one in found}))


def moment(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)
