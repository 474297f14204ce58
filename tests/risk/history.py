"""The features of a history by their definition: everything is looked at again for each vector, nothing is counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from venmo_api.risk.features import (
    DAY_US,
    DISTINCT_MOST,
    HOUR_US,
    SPECS,
    Entity,
    Flag,
    Flow,
    Since,
    Spec,
    Statistic,
    is_just_under,
)


@dataclass(frozen=True, slots=True)
class Done:
    """A payment, or with no recipient a cash-out (or one to a stranger), that was decided at ``us``."""

    us: int
    sender: UUID
    recipient: UUID | None
    amount: int
    cash_out: bool = False
    denied: bool = False


def vector(history: Sequence[Done], now: Done, opened: dict[UUID, int]) -> list[int]:
    """The features of ``now``, which comes after all of ``history``."""
    counted = [one for one in history if not one.denied]
    return [_feature(spec, counted, now, opened) for spec in SPECS]


def _feature(spec: Spec, counted: Sequence[Done], now: Done, opened: dict[UUID, int]) -> int:
    if spec.entity is Entity.PAYMENT:
        return now.amount
    if spec.entity is Entity.PAIR:
        return _flag(spec, counted, now) if now.recipient else 0
    person = now.sender if spec.entity is Entity.SENDER else now.recipient
    return _of_person(spec, person, counted, now, opened) if person else 0


def _of_person(spec: Spec, person: UUID, counted: Sequence[Done], now: Done, opened: dict[UUID, int]) -> int:
    if spec.statistic is Statistic.AGE:
        out = [one.us for one in counted if one.sender == person]
        since = out[-1] if out and spec.since is Since.LAST_OUT else opened[person]
        return max(now.us - since, 0) // HOUR_US
    assert spec.flow is not None
    seen = [one for one in _of(spec.flow, person, counted) if _within(spec, one.us, now.us)]
    if spec.statistic is Statistic.DISTINCT:
        others = {one.recipient if spec.flow is Flow.SENT else one.sender for one in seen}
        return min(len(others - {None}), DISTINCT_MOST)
    amounts = [one.amount for one in seen]
    if spec.statistic is Statistic.COUNT:
        return len(amounts)
    return sum(amounts) if spec.statistic is Statistic.SUM else max(amounts, default=0)


def _of(flow: Flow, person: UUID, counted: Sequence[Done]) -> list[Done]:
    if flow is Flow.RECEIVED:
        return [one for one in counted if one.recipient == person]
    mine = [one for one in counted if one.sender == person and one.cash_out is (flow is Flow.CASHED)]
    return [one for one in mine if is_just_under(one.amount)] if flow is Flow.JUST_UNDER else mine


def _within(spec: Spec, then: int, now: int) -> bool:
    if spec.hours:
        return then // HOUR_US > now // HOUR_US - spec.hours
    assert spec.days
    return then // DAY_US > now // DAY_US - spec.days


def _flag(spec: Spec, counted: Sequence[Done], now: Done) -> int:
    recent = [one for one in counted if one.us // DAY_US > now.us // DAY_US - 30 and one.recipient]
    paid = {one.recipient for one in recent if one.sender == now.sender}
    paid_by = {one.sender for one in recent if one.recipient == now.sender}
    if spec.flag is Flag.NEW_PAYEE:
        return int(now.recipient not in paid and len(paid) < DISTINCT_MOST)
    return int(now.recipient in paid_by and len(paid_by) < DISTINCT_MOST)
