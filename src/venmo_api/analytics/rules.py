"""What an alert is, which case it belongs to, and who may do what to a case. Pure."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from venmo_api.core.errors import AppError, Kind, NotFound

ACCOUNT, DEVICE = "account", "device"
NARRATIVE_MOST = 5_000
LEAST_FRAUDS = 50
"""Fewer known frauds teach a model nothing."""


class State(StrEnum):
    """Of a case: somebody is to look at it, somebody has proposed how it ends, it has ended."""

    OPEN = "open"
    PROPOSED = "proposed"
    CLOSED = "closed"


class Disposition(StrEnum):
    """How a case ends: reported to the authority, dismissed, or taken up by another case."""

    REPORT = "report"
    DISMISS = "dismiss"
    MERGE = "merge"


class Ending(StrEnum):
    """The dispositions that people decide on."""

    REPORT = "report"
    DISMISS = "dismiss"


class Judgement(StrEnum):
    """What the checker says of a proposal."""

    APPROVE = "approve"
    RETURN = "return"


class Step(StrEnum):
    OPEN = "open"
    ALERT = "alert"
    JOIN = "join"
    MERGE = "merge"
    PROPOSE = "propose"
    WITHDRAW = "withdraw"
    RETURN = "return"
    APPROVE = "approve"


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment, or a cash-out (nobody is its recipient), as it stands in the archive's file ``file_key``."""

    tx_id: UUID
    kind: str
    at: datetime
    sender_id: UUID
    recipient_id: UUID | None
    amount: int
    file_key: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a detection says, and the payments that bear it out. ``subject`` is a number of ``subject_kind``; ``linked``
    are the accounts, by number, that a case about it is about."""

    detector: str
    version: int
    parameters: Mapping[str, Any]
    subject: int
    subject_kind: str
    start_us: int
    end_us: int
    score: int
    amount: int
    linked: Mapping[int, UUID]
    payments: tuple[Payment, ...]

    @property
    def alert_id(self) -> UUID:
        return alert_id(
            self.detector,
            self.version,
            self.parameters,
            subject=(self.subject_kind, self.subject),
            window=(self.start_us, self.end_us),
        )

    @property
    def numbers(self) -> frozenset[int]:
        """What joins it with others in one case."""
        return frozenset({self.subject, *self.linked})


@dataclass(frozen=True, slots=True)
class Source:
    """The manifest of the archive that findings were found in."""

    sequence: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Raised:
    """What a run of detections left: ``known``: alerts that were there already."""

    alerts: int = 0
    known: int = 0
    opened: int = 0
    merged: int = 0

    def __add__(self, other: "Raised") -> "Raised":
        return Raised(
            self.alerts + other.alerts,
            self.known + other.known,
            self.opened + other.opened,
            self.merged + other.merged,
        )


@dataclass(frozen=True, slots=True)
class Done:
    """A step of a case. ``actor_id`` is None for what a detection did."""

    step: Step
    at: datetime
    actor_id: UUID | None = None
    disposition: Disposition | None = None
    narrative: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """``typologies``: the detections that found it. ``amount``: of its payments, each once, in cents."""

    id: UUID
    state: State
    disposition: Disposition | None
    opened_at: datetime
    due_at: datetime | None
    closed_at: datetime | None
    merged_into: UUID | None
    file_key: str | None
    typologies: tuple[str, ...]
    alerts: int
    payments: int
    amount: int


class CaseNotFound(NotFound):
    code = "case_not_found"
    title = "No such case"

    def __init__(self) -> None:
        super().__init__("There is no case with this id.")


class CaseClosed(AppError):
    kind = Kind.CONFLICT
    code = "case_closed"
    title = "The case is closed"

    def __init__(self) -> None:
        super().__init__("This case has ended; what happens later opens another one.")


class CaseProposed(AppError):
    kind = Kind.CONFLICT
    code = "case_proposed"
    title = "An end is proposed already"

    def __init__(self) -> None:
        super().__init__("Somebody has proposed how this case ends; it is approved or returned first.")


class NothingProposed(AppError):
    kind = Kind.CONFLICT
    code = "nothing_proposed"
    title = "Nothing is proposed"

    def __init__(self) -> None:
        super().__init__("Nobody proposes how this case ends, or new alerts came since; propose it first.")


class OwnProposal(AppError):
    kind = Kind.FORBIDDEN
    code = "own_proposal"
    title = "Maker and checker are two people"

    def __init__(self) -> None:
        super().__init__("You proposed this yourself; somebody else approves it. You may return it to change it.")


class CaseUnfiled(AppError):
    kind = Kind.CONFLICT
    code = "case_unfiled"
    title = "The case has no file"

    def __init__(self) -> None:
        super().__init__("A file is written of a case that was reported, within a minute of it; this one has none.")


class DecisionsCold(AppError):
    kind = Kind.CONFLICT
    code = "decisions_cold"
    title = "These decisions have to be restored first"

    def __init__(self, first_day: str, last_day: str) -> None:
        super().__init__(
            f"The decisions of {first_day} to {last_day} lie in cold storage. Restore these days "
            f"(venmo-api archive restore --start {first_day} --end {last_day}), wait until they are there, run again."
        )


class SetUnfit(AppError):
    """A set of payments that no model can be judged by or trained on."""

    kind = Kind.INVALID
    code = "set_unfit"
    title = "The set cannot be used"


def alert_id(
    detector: str, version: int, parameters: Mapping[str, Any], *, subject: tuple[str, int], window: tuple[int, int]
) -> UUID:
    """The first 128 bits of the SHA-256 of all that names an alert: found twice it is one, and changed figures or a new
    version of a detection make another."""
    document = json.dumps(
        [detector, version, parameters, *subject, *window], sort_keys=True, separators=(",", ":"), default=list
    )
    return UUID(bytes=hashlib.sha256(document.encode()).digest()[:16])


def rings(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Findings that have somebody in common, directly or through others, in the order they came."""
    root: dict[int, int] = {}

    def top(number: int) -> int:
        while root.setdefault(number, number) != number:
            root[number] = number = root[root[number]]
        return number

    for finding in findings:
        for number in finding.numbers:
            root[top(number)] = top(finding.subject)
    found: dict[int, list[Finding]] = {}
    for finding in findings:
        found.setdefault(top(finding.subject), []).append(finding)
    return list(found.values())


def suspicious(payments: Iterable[tuple[UUID, int]], *, least: int) -> bool:
    """Whether these payments, each counted once, come to what must be reported if it is what it looks like."""
    return sum(dict(payments).values()) >= least


def ensure_proposable(state: State) -> None:
    """Raises CaseClosed, CaseProposed."""
    if state is State.CLOSED:
        raise CaseClosed
    if state is State.PROPOSED:
        raise CaseProposed


def judged(state: State, steps: Sequence[Done], judgement: Judgement, *, by: UUID) -> Done:
    """The proposal that ``by`` judges. Its maker may return it, and never approve it. Raises CaseClosed,
    NothingProposed, OwnProposal."""
    if state is State.CLOSED:
        raise CaseClosed
    if state is not State.PROPOSED:
        raise NothingProposed
    proposal = next(done for done in reversed(steps) if done.step is Step.PROPOSE)
    if judgement is Judgement.APPROVE and proposal.actor_id == by:
        raise OwnProposal
    return proposal


def oldest(cases: Collection[UUID]) -> UUID:
    """The case that takes up the others: ids rise with time."""
    return min(cases)
