"""The batch twin of the features that decisions are taken on: from the same table of specifications, to the last bit.

A leg is one side of a decision: what its account had done before is summed over whole hours and days, as the counters
in line have it. What was declined has legs that count for nothing, but is read like all others.
"""

import ibis
from ibis import Table
from ibis.expr.types import IntegerValue, Value

from venmo_api.analytics.inputs import CASH_OUT, DENIED, NOBODY
from venmo_api.risk.features import (
    DAY_US,
    DISTINCT_DAYS,
    DISTINCT_MOST,
    HOUR_US,
    JUST_UNDER,
    SPECS,
    Entity,
    Flag,
    Flow,
    Since,
    Spec,
    Statistic,
)

_DISTINCT = {Flow.SENT: "payees", Flow.RECEIVED: "payers"}


def features(payments: Table, accounts: Table) -> Table:
    """``tx_id``, ``us`` and a column a feature, in the order of SPECS. The past must be in ``payments``, declined ones
    too: from DISTINCT_DAYS before the first decision that is asked about, and for LAST_OUT from the beginning."""
    seen = _seen(_legs(payments), accounts)
    sender, recipient = seen.filter(seen.sends == 1), seen.filter(seen.sends == 0)
    ours = {spec.name: sender[_column(spec)] for spec in SPECS if spec.entity in (Entity.SENDER, Entity.PAIR)}
    theirs = {spec.name: recipient[_column(spec)] for spec in SPECS if spec.entity is Entity.RECIPIENT}
    of_recipient = recipient.select(other_tx=recipient.tx_id, **theirs)
    of_sender = sender.select("tx_id", "us", "amount", **ours)
    both = of_sender.left_join(of_recipient, of_sender.tx_id == of_recipient.other_tx)
    names = [spec.name for spec in SPECS]
    return both.select("tx_id", "us", **{name: ibis.coalesce(both[name], 0).cast("int64") for name in names})


def _legs(payments: Table) -> Table:
    """Both sides of each decision, with what it adds to each flow of its account."""
    counted = payments.verdict != DENIED
    cash = payments.kind == CASH_OUT
    just_under = ibis.or_(*((payments.amount >= least) & (payments.amount < above) for least, above in JUST_UNDER))
    sides = {
        "sender": {
            Flow.SENT: counted & ~cash,
            Flow.CASHED: counted & cash,
            Flow.JUST_UNDER: counted & ~cash & just_under,
        },
        "recipient": {Flow.RECEIVED: counted & ~cash},
    }
    legs = []
    for who, adds in sides.items():
        added = {str(flow): ibis.ifelse(adds.get(flow, ibis.literal(False)), _one(), _zero()) for flow in Flow}
        leg = payments.select(
            "tx_id",
            "us",
            "amount",
            hour=_whole(payments.us, HOUR_US),
            day=_whole(payments.us, DAY_US),
            entity=payments[who],
            other=payments["recipient" if who == "sender" else "sender"],
            sends=_one() if who == "sender" else _zero(),
            **added,
        )
        legs.append(leg.filter(leg.entity != NOBODY))
    return legs[0].union(legs[1])


def _seen(legs: Table, accounts: Table) -> Table:
    """Each leg with every feature as its account stood before it."""
    known = legs.left_join(accounts, legs.entity == accounts.account)
    legs = known.select(*(known[name] for name in legs.columns), opened=ibis.coalesce(known.opened_us, 0))
    for flow, name in _DISTINCT.items():
        legs = _with_distinct(legs, flow, name)
    met = ibis.window(group_by=["entity", "other"], order_by="us", preceding=(None, 1))
    before = ibis.window(group_by="entity", order_by="us", preceding=(None, 1))
    out = ibis.ifelse(legs[Flow.SENT] + legs[Flow.CASHED] > 0, legs.us, _zero())
    legs = legs.mutate(
        paid_day=_latest(legs, Flow.SENT).max().over(met),
        paid_by_day=_latest(legs, Flow.RECEIVED).max().over(met),
        out_us=ibis.coalesce(out.max().over(before), 0),
    )
    return legs.mutate(**{_column(spec): _feature(legs, spec) for spec in SPECS})


def _feature(legs: Table, spec: Spec) -> Value:
    floor = legs.day - DISTINCT_DAYS
    has_other = legs.other != NOBODY
    if spec.statistic is Statistic.VALUE:
        return legs.amount
    if spec.statistic is Statistic.DISTINCT and spec.flow is not None:
        return legs[_DISTINCT[spec.flow]]
    if spec.statistic is Statistic.AGE:
        since = legs.opened
        if spec.since is Since.LAST_OUT:
            since = ibis.ifelse(legs.out_us > 0, legs.out_us, legs.opened)
        return _whole(ibis.greatest(legs.us - since, _zero()), HOUR_US)
    if spec.flag is Flag.NEW_PAYEE:
        met = ibis.coalesce(legs.paid_day, 0) > floor
        return ibis.ifelse(has_other & ~met & (legs.payees < DISTINCT_MOST), _one(), _zero())
    if spec.flag is Flag.PAID_BACK:
        met = ibis.coalesce(legs.paid_by_day, 0) > floor
        return ibis.ifelse(has_other & met & (legs.payers < DISTINCT_MOST), _one(), _zero())
    return _windowed(legs, spec)


def _windowed(legs: Table, spec: Spec) -> Value:
    """What the whole hours (or days) before add up to, and what came earlier in the one that goes on."""
    grain, reach = ("hour", spec.hours) if spec.hours else ("day", spec.days)
    added = legs[str(spec.flow)]
    value = added if spec.statistic is Statistic.COUNT else added * legs.amount
    parts: list[IntegerValue] = []
    for window in (
        ibis.window(group_by=["entity", grain], order_by="us", preceding=(None, 1)),
        ibis.range_window(group_by="entity", order_by=grain, preceding=((reach or 0) - 1, 1)),
    ):
        total = value.max() if spec.statistic is Statistic.MAX else value.sum()
        parts.append(ibis.coalesce(total.over(window).cast("int64"), 0))
    return ibis.greatest(*parts) if spec.statistic is Statistic.MAX else parts[0] + parts[1]


def _with_distinct(legs: Table, flow: Flow, name: str) -> Table:
    """How many others the flow had in the window: one more when somebody comes whom the window does not have, one less
    at the start of the day when somebody's last time leaves it."""
    pair = ibis.window(group_by=["entity", "other"], order_by="us")
    mine = legs.filter(legs[str(flow)] == 1, legs.other != NOBODY)
    mine = mine.mutate(last=mine.day.lag().over(pair), next=mine.day.lead().over(pair))
    comes = mine.last.isnull() | (mine.day - mine.last >= DISTINCT_DAYS)
    goes = mine.next.isnull() | (mine.next - mine.day >= DISTINCT_DAYS)
    coming = mine.select("tx_id", "entity", came=ibis.ifelse(comes, _one(), _zero()))
    going = mine.filter(goes).select(
        tx_id=_zero(), entity="entity", us=(mine.day + DISTINCT_DAYS) * DAY_US, rank=_zero(), change=-_one()
    )
    each = legs.left_join(coming, ["tx_id", "entity"])
    each = each.select("tx_id", "entity", "us", rank=_one(), change=ibis.coalesce(each.came, 0))
    steps = each.union(going)
    so_far = ibis.window(group_by="entity", order_by=["us", "rank", "tx_id"], preceding=(None, 1))
    steps = steps.mutate(many=ibis.coalesce(steps.change.sum().over(so_far).cast("int64"), 0))
    steps = steps.filter(steps["rank"] == 1).select("tx_id", "entity", **{name: ibis.least(steps.many, DISTINCT_MOST)})
    joined = legs.inner_join(steps, ["tx_id", "entity"])
    return joined.select(*(joined[column] for column in legs.columns), joined[name])


def _latest(legs: Table, flow: Flow) -> IntegerValue:
    found: IntegerValue = ibis.ifelse(legs[str(flow)] == 1, legs.day, _zero())
    return found


def _column(spec: Spec) -> str:
    return f"f_{spec.name}"


def _whole(us: IntegerValue, of: int) -> IntegerValue:
    """How many whole ``of``, by a division without remainder: engines round others each in their way."""
    return ((us - us % of) // of).cast("int64")


def _one() -> IntegerValue:
    return ibis.literal(1, "int64")


def _zero() -> IntegerValue:
    return ibis.literal(0, "int64")
