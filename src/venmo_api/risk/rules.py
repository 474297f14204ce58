"""What is allowed, held for review or declined, and why. Pure.

``screen`` sees nothing but its ``Facts``, and the log keeps all of them: every decision can be taken again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final

from venmo_api.core.errors import AppError, Kind
from venmo_api.core.policy import Policy
from venmo_api.risk.features import INDEX, is_just_under


class PaymentDeclined(AppError):
    kind = Kind.DECLINED
    code = "payment_declined"
    title = "Declined"

    def __init__(self) -> None:
        super().__init__(
            "This was declined to protect you and others, and nothing has moved. Trying again will not help; contact "
            "support if you think it is a mistake."
        )


class ModelUnknown(AppError):
    kind = Kind.NOT_FOUND
    code = "model_unknown"
    title = "No such model"

    def __init__(self) -> None:
        super().__init__(
            "No one model has a hash that begins so. Give at least eight digits of one that `venmo-api risk models` "
            "tells, or `none`."
        )


class ModelUnfit(AppError):
    """Its text is not the one of its hash, or it was trained on other features than are computed here."""

    kind = Kind.CONFLICT
    code = "model_unfit"
    title = "The model does not fit"


class Verdict(StrEnum):
    ALLOW = "allow"
    REVIEW = "review"
    DENY = "deny"


SEVERITY: Final = {Verdict.ALLOW: 0, Verdict.REVIEW: 1, Verdict.DENY: 2}


class DecisionKind(StrEnum):
    PAYMENT = "payment"
    CASH_OUT = "cash_out"


class Reason(StrEnum):
    """Why, in a word that never changes. ``docs/risk.md`` tells each."""

    SENDER_BLOCKED = "sender_blocked"
    RECIPIENT_BLOCKED = "recipient_blocked"
    SENDER_SANCTIONED = "sender_sanctioned"
    RECIPIENT_SANCTIONED = "recipient_sanctioned"
    DEGRADED_AMOUNT = "degraded_amount"
    VELOCITY_HOUR = "velocity_hour"
    VELOCITY_DAY = "velocity_day"
    STRUCTURING = "structuring"
    NEW_DEVICE_NEW_PAYEE = "new_device_new_payee"
    NEW_ACCOUNT_CASH_OUT = "new_account_cash_out"
    MULE_CASH_OUT = "mule_cash_out"
    MULE_FORWARDS = "mule_forwards"
    DORMANT_REACTIVATION = "dormant_reactivation"
    SCORE_HIGH = "score_high"
    SCORE_VERY_HIGH = "score_very_high"


LISTED: Final = (
    Reason.SENDER_BLOCKED,
    Reason.RECIPIENT_BLOCKED,
    Reason.SENDER_SANCTIONED,
    Reason.RECIPIENT_SANCTIONED,
)
"""Who stands on a list is declined, whatever else there is; these cannot be snoozed."""
SNOOZABLE: Final = tuple(reason for reason in Reason if reason not in {*LISTED, Reason.DEGRADED_AMOUNT})


class UnknownFigure(AppError):
    kind = Kind.INVALID
    code = "unknown_figure"
    title = "No such figure"

    def __init__(self, name: str) -> None:
        known = ", ".join(each.name for each in fields(Policy))
        super().__init__(f"A policy is made of numbers that are not below zero. `{name[:40]}` is none of: {known}.")


def policy_of(document: Mapping[str, Any]) -> Policy:
    """From a document that names some figures; the others are the usual ones. Raises UnknownFigure."""
    usual = Policy().document
    for name, figure in document.items():
        if name not in usual or isinstance(figure, bool) or not isinstance(figure, (int, float)) or figure < 0:
            raise UnknownFigure(name)
    return Policy(**{name: type(usual[name])(figure) for name, figure in document.items()})


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a decision is taken on, as the log keeps it. ``holdable``: the money can wait for a review; what cannot
    is declined instead. ``listed``: reasons of LISTED that hold. ``snoozed``: rules an analyst switched off for the
    sender. ``score``: the model's, None without one. ``degraded``: the model or the counters could not be read."""

    kind: DecisionKind
    amount: int
    features: Sequence[int]
    new_device: bool = False
    holdable: bool = True
    listed: tuple[Reason, ...] = ()
    snoozed: tuple[str, ...] = ()
    score: float | None = None
    degraded: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    verdict: Verdict
    reasons: tuple[Reason, ...]


ALLOWED: Final = Decision(Verdict.ALLOW, ())


def screen(facts: Facts, policy: Policy) -> Decision:
    """Rules first, then the bands of the score; all reasons are told, and the severest of their verdicts wins."""
    reasons = [*facts.listed, *_suspicions(facts, policy)]
    if facts.degraded and facts.amount > policy.degraded_most:
        reasons.append(Reason.DEGRADED_AMOUNT)
    if facts.score is not None and facts.score >= policy.score_review:
        reasons.append(Reason.SCORE_VERY_HIGH if facts.score >= policy.score_deny else Reason.SCORE_HIGH)
    if facts.snoozed:
        reasons = [reason for reason in reasons if reason not in SNOOZABLE or reason not in facts.snoozed]
    if not reasons:
        return ALLOWED
    severe = not facts.holdable or Reason.SCORE_VERY_HIGH in reasons or any(one in LISTED for one in reasons)
    return Decision(Verdict.DENY if severe else Verdict.REVIEW, tuple(reasons))


_SENT_2H, _SENT_SUM_2H = INDEX["sender_sent_count_2h"], INDEX["sender_sent_sum_2h"]
_SENT_24H, _SENT_SUM_24H = INDEX["sender_sent_count_24h"], INDEX["sender_sent_sum_24h"]
_JUST_UNDER = INDEX["sender_just_under_count_30d"]
_RECEIVED_SUM_24H, _PAYERS = INDEX["sender_received_sum_24h"], INDEX["sender_payers_30d"]
_RECEIVED_24H, _CASHED_SUM_24H = INDEX["sender_received_count_24h"], INDEX["sender_cashed_sum_24h"]
_AGE, _IDLE, _NEW_PAYEE = INDEX["sender_age_hours"], INDEX["sender_idle_hours"], INDEX["pair_new_payee"]


def _suspicions(facts: Facts, policy: Policy) -> list[Reason]:
    """What the rules say of a payment or cash-out, by what its sender did."""
    return _of_cash_out(facts, policy) if facts.kind is DecisionKind.CASH_OUT else _of_payment(facts, policy)


def _of_payment(facts: Facts, policy: Policy) -> list[Reason]:
    seen, amount = facts.features, facts.amount
    reasons = []
    if seen[_SENT_2H] >= policy.velocity_hour_count and seen[_SENT_SUM_2H] + amount >= policy.velocity_hour_sum:
        reasons.append(Reason.VELOCITY_HOUR)
    if seen[_SENT_24H] >= policy.velocity_day_count and seen[_SENT_SUM_24H] + amount >= policy.velocity_day_sum:
        reasons.append(Reason.VELOCITY_DAY)
    if seen[_JUST_UNDER] >= policy.structuring_count and is_just_under(amount):
        reasons.append(Reason.STRUCTURING)
    if seen[_NEW_PAYEE]:
        if facts.new_device and amount >= policy.new_device_amount:
            reasons.append(Reason.NEW_DEVICE_NEW_PAYEE)
        if seen[_IDLE] >= policy.dormant_hours and amount >= policy.dormant_amount:
            reasons.append(Reason.DORMANT_REACTIVATION)
    if _is_fed_by_many(seen, policy) and amount >= policy.mule_share * seen[_RECEIVED_SUM_24H]:
        reasons.append(Reason.MULE_FORWARDS)
    return reasons


def _of_cash_out(facts: Facts, policy: Policy) -> list[Reason]:
    seen = facts.features
    reasons, taken = [], facts.amount + seen[_CASHED_SUM_24H]
    received = seen[_RECEIVED_SUM_24H]
    if (
        seen[_AGE] < policy.new_account_hours
        and received >= policy.new_account_received
        and taken >= policy.new_account_share * received
    ):
        reasons.append(Reason.NEW_ACCOUNT_CASH_OUT)
    if _is_fed_by_many(seen, policy) and taken >= policy.mule_share * received:
        reasons.append(Reason.MULE_CASH_OUT)
    return reasons


def _is_fed_by_many(seen: Sequence[int], policy: Policy) -> bool:
    """Today's money came in many payments, and of late from many people."""
    return (
        seen[_RECEIVED_24H] >= policy.mule_payers
        and seen[_PAYERS] >= policy.mule_payers
        and seen[_RECEIVED_SUM_24H] >= policy.mule_received
    )
