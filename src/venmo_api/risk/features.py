"""The one table of features: what a decision is made on, read in line and computed again in batch. Pure.

A feature is an int64 that says how things stood before the payment. Windows are of whole hours or days (UTC), that of
the payment in them: ``hours=2`` is the payment's hour and the one before. What is declined is never counted.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US
DISTINCT_MOST: Final = 64
"""So many different people are counted exactly; more are this many."""
DISTINCT_DAYS: Final = 30
JUST_UNDER: Final = ((2_700_00, 3_000_00), (9_000_00, 10_000_00))
"""Cents, from and below: amounts that stay just under what is recorded or reported."""


class Entity(StrEnum):
    PAYMENT = "payment"
    SENDER = "sender"
    RECIPIENT = "recipient"
    PAIR = "pair"


class Flow(StrEnum):
    """What is counted of an account."""

    SENT = "sent"
    RECEIVED = "received"
    CASHED = "cashed"
    JUST_UNDER = "just_under"
    """Payments sent with an amount in JUST_UNDER."""


class Statistic(StrEnum):
    """``distinct``: the other sides of a flow in the window, at most DISTINCT_MOST. ``age``: whole hours since
    ``since``, never below 0. ``flag``: 0 or 1."""

    COUNT = "count"
    SUM = "sum"
    MAX = "max"
    DISTINCT = "distinct"
    AGE = "age"
    FLAG = "flag"
    VALUE = "value"


class Since(StrEnum):
    OPENED = "opened"
    LAST_OUT = "last_out"
    """The last payment sent or cash-out, or the opening of the account if there was none."""


class Flag(StrEnum):
    NEW_PAYEE = "new_payee"
    """The sender paid the recipient in none of the last DISTINCT_DAYS days; 0 when they paid DISTINCT_MOST people in
    them, for then nobody remembers all."""
    PAID_BACK = "paid_back"
    """The recipient paid the sender in those days; 0 when DISTINCT_MOST people did."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One feature. Exactly one of ``hours`` and ``days`` for what has a window. Of somebody there is not (the recipient
    of a cash-out, or one who has not signed up) every feature is 0."""

    name: str
    entity: Entity
    statistic: Statistic
    flow: Flow | None = None
    hours: int | None = None
    days: int | None = None
    since: Since | None = None
    flag: Flag | None = None


def _counted(entity: Entity, flow: Flow, *, hours: int | None = None, days: int | None = None) -> tuple[Spec, Spec]:
    window = f"{hours}h" if hours else f"{days}d"
    return (
        Spec(f"{entity}_{flow}_count_{window}", entity, Statistic.COUNT, flow, hours, days),
        Spec(f"{entity}_{flow}_sum_{window}", entity, Statistic.SUM, flow, hours, days),
    )


def _distinct(name: str, entity: Entity, flow: Flow) -> Spec:
    return Spec(name, entity, Statistic.DISTINCT, flow, days=DISTINCT_DAYS)


_S, _R = Entity.SENDER, Entity.RECIPIENT
SPECS: Final[tuple[Spec, ...]] = (
    Spec("amount", Entity.PAYMENT, Statistic.VALUE),
    *_counted(_S, Flow.SENT, hours=2),
    *_counted(_S, Flow.SENT, hours=24),
    *_counted(_S, Flow.SENT, days=30),
    Spec("sender_sent_max_30d", _S, Statistic.MAX, Flow.SENT, days=30),
    Spec("sender_just_under_count_30d", _S, Statistic.COUNT, Flow.JUST_UNDER, days=30),
    *_counted(_S, Flow.RECEIVED, hours=24),
    *_counted(_S, Flow.RECEIVED, days=30),
    *_counted(_S, Flow.CASHED, hours=24),
    _distinct("sender_payees_30d", _S, Flow.SENT),
    _distinct("sender_payers_30d", _S, Flow.RECEIVED),
    Spec("sender_age_hours", _S, Statistic.AGE, since=Since.OPENED),
    Spec("sender_idle_hours", _S, Statistic.AGE, since=Since.LAST_OUT),
    *_counted(_R, Flow.RECEIVED, hours=2),
    *_counted(_R, Flow.RECEIVED, hours=24),
    *_counted(_R, Flow.RECEIVED, days=30),
    *_counted(_R, Flow.SENT, hours=24),
    *_counted(_R, Flow.CASHED, hours=24),
    _distinct("recipient_payers_30d", _R, Flow.RECEIVED),
    Spec("recipient_age_hours", _R, Statistic.AGE, since=Since.OPENED),
    Spec("pair_new_payee", Entity.PAIR, Statistic.FLAG, flag=Flag.NEW_PAYEE),
    Spec("pair_paid_back", Entity.PAIR, Statistic.FLAG, flag=Flag.PAID_BACK),
)
"""In the order of the log's vectors and of a model's columns. Only ever append."""
NAMES: Final = tuple(spec.name for spec in SPECS)
INDEX: Final = {name: index for index, name in enumerate(NAMES)}


def is_just_under(amount: int) -> bool:
    return any(least <= amount < above for least, above in JUST_UNDER)


_VECTOR: Final = struct.Struct(f"<{len(SPECS)}q")


def packed(vector: Sequence[int]) -> bytes:
    """As ``risk_decisions.features`` keeps a vector: 8 bytes each, little endian, signed."""
    return _VECTOR.pack(*vector)


def unpacked(kept: bytes) -> list[int]:
    """Of a vector that is older than the newest features: those there were."""
    return list(struct.unpack(f"<{len(kept) // 8}q", kept))
