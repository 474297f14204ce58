"""What is counted of an account, by hour and by day, and the features read from it. Pure.

The columns of a bucket and what is read from them follow from ``features.SPECS``: nothing here names a feature.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import orjson

from venmo_api.risk.features import (
    DAY_US,
    DISTINCT_DAYS,
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

Row = list[int]
"""A bucket: its number since 1970, then its columns."""
_WINDOWED = (Statistic.COUNT, Statistic.SUM, Statistic.MAX)


def _columns(grain: str) -> dict[tuple[Flow | None, Statistic], int]:
    """Where in a bucket of this grain each statistic of each flow stands."""
    kinds = [(s.flow, s.statistic) for s in SPECS if s.statistic in _WINDOWED and getattr(s, grain)]
    return {kind: place for place, kind in enumerate(dict.fromkeys(kinds), 1)}


_HOURLY, _DAILY = _columns("hours"), _columns("days")
HOURS_KEPT: Final = max(spec.hours for spec in SPECS if spec.hours)
DAYS_KEPT: Final = max(spec.days for spec in SPECS if spec.days)


def _written(columns: dict[tuple[Flow | None, Statistic], int], flow: Flow) -> tuple[tuple[int, Statistic], ...]:
    return tuple((place, statistic) for (of, statistic), place in columns.items() if of is flow)


_WRITES = {flow: (_written(_HOURLY, flow), _written(_DAILY, flow)) for flow in Flow}


class Unreadable(Exception):
    """A record that these counters did not write."""


@dataclass(slots=True)
class Counters:
    """Of one account. ``payees`` and ``payers``: the last DISTINCT_MOST people, each with the day last seen, the one
    seen last at the end. ``last_us``: the last decision, also one that declined."""

    last_us: int = 0
    out_us: int = 0
    hours: list[Row] = field(default_factory=list)
    days: list[Row] = field(default_factory=list)
    payees: dict[int, int] = field(default_factory=dict)
    payers: dict[int, int] = field(default_factory=dict)

    def count(self, flow: Flow, amount: int, *, us: int, other: int | None = None) -> None:
        """Count a payment or cash-out at ``us``, which is after all that were counted. ``other``: ``key_of`` whoever
        is on its other side."""
        hourly, daily = _WRITES[flow]
        _add(_bucket(self.hours, us // HOUR_US, keep=HOURS_KEPT, width=len(_HOURLY)), hourly, amount)
        _add(_bucket(self.days, us // DAY_US, keep=DAYS_KEPT, width=len(_DAILY)), daily, amount)
        if flow is Flow.SENT and is_just_under(amount):
            self.count(Flow.JUST_UNDER, amount, us=us)
        if flow is Flow.SENT or flow is Flow.CASHED:
            self.out_us = us
        if other is not None:
            _meet(self.payees if flow is Flow.SENT else self.payers, other, us // DAY_US)

    def dumped(self) -> str:
        """As it is kept: JSON of integers, some 100 bytes for most people."""
        people = [[number for pair in met.items() for number in pair] for met in (self.payees, self.payers)]
        return orjson.dumps([self.last_us, self.out_us, self.hours, self.days, *people]).decode()


def loaded(record: str) -> Counters:
    """Raises Unreadable."""
    try:
        last_us, out_us, hours, days, payees, payers = orjson.loads(record)
        fits = all(len(row) == len(_HOURLY) + 1 for row in hours) and all(len(row) == len(_DAILY) + 1 for row in days)
        met = [dict(zip(one[::2], one[1::2], strict=True)) for one in (payees, payers)]
    except (TypeError, ValueError) as error:
        raise Unreadable from error
    if not fits or not isinstance(last_us, int):
        raise Unreadable
    return Counters(last_us, out_us, hours, days, *met)


def key_of(person: UUID) -> int:
    """A person among those an account has met: 48 random bits of the id."""
    return person.int & 0xFFFF_FFFF_FFFF


def _bucket(rows: list[Row], number: int, *, keep: int, width: int) -> Row:
    if rows and rows[-1][0] == number:
        return rows[-1]
    rows[:] = [row for row in rows if row[0] > number - keep]
    rows.append([number] + [0] * width)
    return rows[-1]


def _add(row: Row, places: Iterable[tuple[int, Statistic]], amount: int) -> None:
    for place, statistic in places:
        if statistic is Statistic.COUNT:
            row[place] += 1
        elif statistic is Statistic.SUM:
            row[place] += amount
        else:
            row[place] = max(row[place], amount)


def _meet(met: dict[int, int], other: int, day: int) -> None:
    """Who was seen longest ago is forgotten: while no more than DISTINCT_MOST were seen in the window, all of them are
    still here."""
    met.pop(other, None)
    met[other] = day
    if len(met) > DISTINCT_MOST:
        del met[next(iter(met))]


@dataclass(frozen=True, slots=True)
class _Window:
    """What is read from the rows of one window: (feature, column, whether the largest and not the sum)."""

    reach: int
    picks: tuple[tuple[int, int, bool], ...]


@dataclass(frozen=True, slots=True)
class _Side:
    """How the features of one entity are read."""

    hourly: tuple[_Window, ...]
    daily: tuple[_Window, ...]
    payees: tuple[int, ...]
    payers: tuple[int, ...]
    ages: tuple[tuple[int, bool], ...]


def _windows(specs: list[tuple[int, Spec]], grain: str) -> tuple[_Window, ...]:
    columns = _HOURLY if grain == "hours" else _DAILY
    chosen = [(at, spec) for at, spec in specs if spec.statistic in _WINDOWED and getattr(spec, grain)]
    return tuple(
        _Window(
            reach,
            tuple(
                (at, columns[spec.flow, spec.statistic], spec.statistic is Statistic.MAX)
                for at, spec in chosen
                if getattr(spec, grain) == reach
            ),
        )
        for reach in sorted({getattr(spec, grain) for _, spec in chosen})
    )


def _side(entity: Entity) -> _Side:
    specs = [(at, spec) for at, spec in enumerate(SPECS) if spec.entity is entity]
    distinct = [(at, spec.flow) for at, spec in specs if spec.statistic is Statistic.DISTINCT]
    return _Side(
        _windows(specs, "hours"),
        _windows(specs, "days"),
        tuple(at for at, flow in distinct if flow is Flow.SENT),
        tuple(at for at, flow in distinct if flow is Flow.RECEIVED),
        tuple((at, spec.since is Since.LAST_OUT) for at, spec in specs if spec.statistic is Statistic.AGE),
    )


_SENDER, _RECIPIENT = _side(Entity.SENDER), _side(Entity.RECIPIENT)
_VALUES = tuple(at for at, spec in enumerate(SPECS) if spec.statistic is Statistic.VALUE)
_NEW_PAYEE, _PAID_BACK = (tuple(at for at, spec in enumerate(SPECS) if spec.flag is flag) for flag in Flag)


@dataclass(frozen=True, slots=True)
class Party:
    """One side of a payment: ``opened_us`` is when the account was opened, ``key`` its ``key_of``."""

    key: int
    opened_us: int
    counters: Counters


def read(amount: int, sender: Party, recipient: Party | None, *, us: int) -> list[int]:
    """The vector of SPECS, of a payment or cash-out at ``us`` that is not counted yet."""
    vector = [0] * len(SPECS)
    for at in _VALUES:
        vector[at] = amount
    _read_side(vector, _SENDER, sender, us)
    if recipient is not None:
        _read_side(vector, _RECIPIENT, recipient, us)
        floor = us // DAY_US - DISTINCT_DAYS
        payees, payers = sender.counters.payees, sender.counters.payers
        paid, paid_by = payees.get(recipient.key, floor) > floor, payers.get(recipient.key, floor) > floor
        for at in _NEW_PAYEE:
            vector[at] = int(not paid and _seen(payees, floor) < DISTINCT_MOST)
        for at in _PAID_BACK:
            vector[at] = int(paid_by and _seen(payers, floor) < DISTINCT_MOST)
    return vector


def _read_side(vector: list[int], side: _Side, party: Party, us: int) -> None:
    hour, day, counters = us // HOUR_US, us // DAY_US, party.counters
    for window in side.hourly:
        _read_window(vector, window, counters.hours, hour - window.reach)
    for window in side.daily:
        _read_window(vector, window, counters.days, day - window.reach)
    for at in side.payees:
        vector[at] = _seen(counters.payees, day - DISTINCT_DAYS)
    for at in side.payers:
        vector[at] = _seen(counters.payers, day - DISTINCT_DAYS)
    for at, is_idle in side.ages:
        since = counters.out_us if is_idle and counters.out_us else party.opened_us
        vector[at] = max(us - since, 0) // HOUR_US


def _read_window(vector: list[int], window: _Window, rows: list[Row], floor: int) -> None:
    live = [row for row in rows if row[0] > floor]
    if len(live) == 1:
        row = live[0]
        for at, column, _ in window.picks:
            vector[at] = row[column]
    elif live:
        for at, column, largest in window.picks:
            values = [row[column] for row in live]
            vector[at] = max(values) if largest else sum(values)


def _seen(met: dict[int, int], floor: int) -> int:
    """How many after the day ``floor``. The one seen longest ago stands first."""
    count = len(met)
    for day in met.values():
        if day > floor:
            break
        count -= 1
    return count
