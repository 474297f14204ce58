"""The eight detections, once, as Ibis expressions: the same for DuckDB, Spark, Postgres, Trino and Athena.

Time is microseconds as one int64, and windows are ranges of it, so that no engine has a say in time zones or intervals;
sums are of int64 and end as int64. A finding is of one subject on one UTC day: who reads the day again finds it again.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import ibis
from ibis import Table
from ibis.expr.types import IntegerValue

from venmo_api.analytics.inputs import ALLOWED, CASH_OUT, NOBODY, PAYMENT, REVIEWED
from venmo_api.analytics.typologies import (
    BURST,
    CYCLE,
    DAY_US,
    DORMANT,
    FAN_IN,
    FAN_OUT,
    HOUR_US,
    NEW_ACCOUNT,
    SHARED_DEVICE,
    STRUCTURING,
    Typology,
)

Tables = Mapping[str, Table]
FINDING = ("detector", "version", "subject", "window_start_us", "window_end_us")
"""What a finding is known by. Beside it: from where to where its evidence lies, how many ``payments`` that is in the
worst moment, their ``amount``, and ``score``, percent of what the typology asks for."""


class Found(NamedTuple):
    """``hits``: subject, from_us, to_us, payments, amount, score, one row a moment at which the typology is met.
    ``legs``: subject, tx_id, us, amount, the payments that may be evidence."""

    hits: Table
    legs: Table


def moved(payments: Table) -> Table:
    """The payments that moved money, or may yet."""
    return payments.filter(payments.verdict.isin([ALLOWED, REVIEWED])).drop("verdict")


def staged(payments: Table) -> dict[str, Table]:
    """What several detections share, to be kept by an engine that can: who is busy enough to be looked at closely.

    A window of a span lies within two buckets of that span, so one of them holds half of what the window holds.
    """
    payments = moved(payments)
    sent = _buckets(payments, "sender", max(BURST.hours, FAN_OUT.hours, DORMANT.hours))
    many = min(_half(BURST.count), _half(FAN_OUT.recipients))
    received = _buckets(payments.filter(payments.kind == PAYMENT), "recipient", FAN_IN.hours)
    return {
        "sending": sent.filter((sent.n >= many) | (sent.total >= _half(DORMANT.amount))),
        "receiving": received.filter(received.n >= _half(FAN_IN.senders)),
    }


def _buckets(payments: Table, who: str, hours: int) -> Table:
    bucket = (payments.us - payments.us % (hours * HOUR_US)).name("bucket")
    return payments.group_by(payments[who].name("subject"), bucket).aggregate(
        n=payments.count().cast("int64"), total=payments.amount.sum().cast("int64")
    )


def velocity_burst(tables: Tables) -> Found:
    asked = BURST
    sending = tables["sending"]
    payments = moved(tables["payments"])
    legs = _legs(payments.filter(payments.kind == PAYMENT), "sender", sending.filter(sending.n >= _half(asked.count)))
    return Found(_counted(legs, hours=asked.hours, least=asked.count), legs)


def structuring(tables: Tables) -> Found:
    asked = STRUCTURING
    payments = moved(tables["payments"])
    found = []
    for threshold in asked.thresholds:
        under = payments.amount.between(threshold * (100 - asked.percent) // 100, threshold - 1)
        legs = _legs(payments.filter(under), "sender")
        found.append(Found(_counted(legs, hours=asked.hours, least=asked.count), legs))
    return Found(ibis.union(*(each.hits for each in found)), ibis.union(*(each.legs for each in found)))


def fan_in_mule(tables: Tables) -> Found:
    asked = FAN_IN
    payments, receiving = moved(tables["payments"]), tables["receiving"]
    arrived = _new_to_each_other(
        payments.filter(payments.kind == PAYMENT), "recipient", "sender", receiving, asked.hours
    )
    left = _legs(payments, "sender", receiving)
    incoming = arrived.mutate(came=arrived.amount, went=_zero())
    outgoing = left.mutate(new=_zero(), came=_zero(), went=left.amount)
    columns = ("subject", "tx_id", "us", "amount", "new", "came", "went")
    legs = incoming.select(*columns).union(outgoing.select(*columns))
    window = _preceding(asked.hours)
    seen = legs.mutate(
        senders=legs.new.sum().over(window).cast("int64"),
        received=legs.came.sum().over(window).cast("int64"),
        passed=legs.went.sum().over(window).cast("int64"),
        payments=legs.count().over(window).cast("int64"),
    )
    hits = seen.filter(
        seen.went > 0,
        seen.senders >= asked.senders,
        seen.received >= asked.amount,
        seen.passed * 100 >= seen.received * asked.percent,
    )
    return Found(
        _hits(hits, hours=asked.hours, amount=hits.received, score=_percent(hits.senders, asked.senders)), legs
    )


def fan_out(tables: Tables) -> Found:
    asked = FAN_OUT
    payments, sending = moved(tables["payments"]), tables["sending"]
    busy = sending.filter(sending.n >= _half(asked.recipients))
    legs = _new_to_each_other(payments.filter(payments.kind == PAYMENT), "sender", "recipient", busy, asked.hours)
    legs = legs.filter(legs.new == 1)
    return Found(_counted(legs, hours=asked.hours, least=asked.recipients), legs)


def cycle(tables: Tables) -> Found:
    asked = CYCLE
    span = asked.hours * HOUR_US
    payments = moved(tables["payments"])
    large = payments.filter(payments.kind == PAYMENT, payments.amount >= asked.amount * asked.least**2 // 10_000)
    large = large.mutate(bucket=large.us - large.us % span)

    large = large.select("tx_id", "us", "sender", "recipient", "amount", "bucket")
    first, second, third = (large.rename({f"{column}_{leg}": column for column in large.columns}) for leg in "abc")
    path = _onward(first.filter(first.amount_a >= asked.amount), second, last="a", leg="b")
    path = path.filter(path.recipient_b != path.sender_a)
    ring = _onward(path, third, last="b", leg="c")
    ring = ring.filter(ring.recipient_c == ring.sender_a)
    hits = ring.select(
        subject=ring.sender_a,
        from_us=ring.us_a,
        to_us=ring.us_c,
        payments=ibis.literal(3, "int64"),
        amount=ring.amount_a + ring.amount_b + ring.amount_c,
        score=_percent(ring.amount_a, asked.amount),
    )
    legs = [
        ring.select(
            subject=ring.sender_a, tx_id=ring[f"tx_id_{leg}"], us=ring[f"us_{leg}"], amount=ring[f"amount_{leg}"]
        )
        for leg in "abc"
    ]
    return Found(hits, ibis.union(*legs, distinct=True))


def _onward(path: Table, onward: Table, *, last: str, leg: str) -> Table:
    """``path`` and each payment that its last recipient made within the span: in the same bucket of time, or the
    next."""
    span = CYCLE.hours * HOUR_US
    due = path.mutate(due=path[f"bucket_{last}"]).union(path.mutate(due=path[f"bucket_{last}"] + span))
    found = due.inner_join(
        onward, [due[f"recipient_{last}"] == onward[f"sender_{leg}"], due.due == onward[f"bucket_{leg}"]]
    )
    before, after = found[f"amount_{last}"], found[f"amount_{leg}"]
    return found.filter(
        found[f"us_{leg}"] > found[f"us_{last}"],
        found[f"us_{leg}"] <= found.us_a + span,
        after * 100 >= before * CYCLE.least,
        after * 100 <= before * CYCLE.most,
    ).drop("due")


def new_account_cash_out(tables: Tables) -> Found:
    asked = NEW_ACCOUNT
    payments, accounts = moved(tables["payments"]), tables["accounts"]
    cashed = payments.filter(payments.kind == CASH_OUT)

    def young(payments: Table, who: str) -> Table:
        of = payments.inner_join(accounts, payments[who] == accounts.account)
        age = of.us - of.opened_us
        return of.filter(age >= 0, age <= asked.days * DAY_US)

    out = young(cashed, "sender")
    candidates = out.select(subject=out.sender).distinct()
    arrived = payments.filter(payments.kind == PAYMENT).inner_join(candidates, payments.recipient == candidates.subject)
    arrived = young(arrived.drop("subject"), "recipient")
    legs = arrived.select(
        subject=arrived.recipient,
        tx_id=arrived.tx_id,
        us=arrived.us,
        amount=arrived.amount,
        came=arrived.amount,
        went=_zero(),
    ).union(
        out.select(subject=out.sender, tx_id=out.tx_id, us=out.us, amount=out.amount, came=_zero(), went=out.amount)
    )
    window = _preceding(asked.days * 24)
    seen = legs.mutate(
        received=legs.came.sum().over(window).cast("int64"),
        passed=legs.went.sum().over(window).cast("int64"),
        payments=legs.count().over(window).cast("int64"),
    )
    hits = seen.filter(seen.went > 0, seen.received >= asked.amount, seen.passed * 100 >= seen.received * asked.percent)
    score = _percent(hits.received, asked.amount)
    return Found(_hits(hits, hours=asked.days * 24, amount=hits.received, score=score), legs)


def dormant_reactivation(tables: Tables) -> Found:
    asked = DORMANT
    sending, accounts = tables["sending"], tables["accounts"]
    legs = _legs(moved(tables["payments"]), "sender", sending.filter(sending.total >= _half(asked.amount)))
    legs = legs.inner_join(accounts, legs.subject == accounts.account).drop("account")
    before = ibis.coalesce(legs.us.lag().over(_in_order("subject")), legs.opened_us)
    woken = legs.mutate(
        woke_us=ibis.cases((legs.us - before >= asked.days * DAY_US, legs.us), else_=ibis.literal(0, "int64"))
    )
    window = _preceding(asked.hours)
    seen = woken.mutate(
        total=woken.amount.sum().over(window).cast("int64"),
        payments=woken.count().over(window).cast("int64"),
        woke=woken.woke_us.max().over(window),
    )
    hits = seen.filter(seen.woke > 0, seen.total >= asked.amount)
    return Found(_hits(hits, hours=asked.hours, amount=hits.total, score=_percent(hits.total, asked.amount)), legs)


def shared_device(tables: Tables) -> Found:
    asked = SHARED_DEVICE
    payments = moved(tables["payments"])
    payments = payments.filter(payments.device != NOBODY)
    users = payments.group_by(subject=payments.device).aggregate(
        first=payments.sender.min(), last=payments.sender.max()
    )
    legs = _new_to_each_other(payments, "device", "sender", users.filter(users.first != users.last), asked.hours)
    legs = legs.filter(legs.new == 1)
    return Found(_counted(legs, hours=asked.hours, least=asked.accounts), legs)


DETECTIONS: dict[str, Callable[[Tables], Found]] = {
    each.__name__: each
    for each in (
        velocity_burst,
        structuring,
        fan_in_mule,
        fan_out,
        cycle,
        new_account_cash_out,
        dormant_reactivation,
        shared_device,
    )
}


def findings(typology: Typology, found: Found, *, first_us: int = 0) -> Table:
    """The hits of each subject and UTC day, from the day of ``first_us`` on, as one row."""
    hits = found.hits.filter(found.hits.to_us >= first_us)
    days = hits.group_by(hits.subject, (hits.to_us - hits.to_us % DAY_US).name("window_start_us")).aggregate(
        from_us=hits.from_us.min(),
        to_us=hits.to_us.max(),
        payments=hits.payments.max(),
        amount=hits.amount.max(),
        score=hits.score.max(),
    )
    return days.select(
        detector=ibis.literal(typology.name),
        version=ibis.literal(typology.version, "int64"),
        subject=days.subject,
        window_start_us=days.window_start_us,
        window_end_us=days.window_start_us + DAY_US,
        from_us=days.from_us,
        to_us=days.to_us,
        payments=days.payments,
        amount=days.amount,
        score=days.score,
    )


def evidence(found: Found, told: Table) -> Table:
    """The payments that each of the findings ``told`` rests on."""
    legs = found.legs.select(of="subject", tx_id="tx_id", us="us", leg_amount="amount")
    joined = told.inner_join(legs, told.subject == legs.of)
    within = joined.filter(joined.us >= joined.from_us, joined.us <= joined.to_us)
    return within.select(*FINDING[:4], "tx_id", "us", amount=within.leg_amount).distinct()


def _legs(payments: Table, who: str, candidates: Table | None = None) -> Table:
    """The payments of each subject, or of those among ``candidates`` only."""
    if candidates is not None:
        subjects = candidates.select("subject").distinct()
        payments = payments.inner_join(subjects, payments[who] == subjects.subject).drop("subject")
    return payments.select(subject=payments[who], tx_id=payments.tx_id, us=payments.us, amount=payments.amount)


def _new_to_each_other(payments: Table, who: str, other: str, candidates: Table, hours: int) -> Table:
    """The legs of the candidates, and whether (``new``, 1 or 0) the two had no payment in the span before."""
    subjects = candidates.select("subject").distinct()
    payments = payments.inner_join(subjects, payments[who] == subjects.subject)
    legs = payments.select("subject", "tx_id", "us", "amount", other=payments[other])
    before = legs.us.lag().over(_in_order("subject", "other"))
    new = before.isnull() | (legs.us - before > hours * HOUR_US)
    return legs.mutate(new=ibis.cases((new, ibis.literal(1, "int64")), else_=_zero())).drop("other")


def _counted(legs: Table, *, hours: int, least: int) -> Table:
    """Hits where ``least`` legs or more end within the span."""
    window = _preceding(hours)
    seen = legs.mutate(
        payments=legs.count().over(window).cast("int64"), total=legs.amount.sum().over(window).cast("int64")
    )
    hits = seen.filter(seen.payments >= least)
    return _hits(hits, hours=hours, amount=hits.total, score=_percent(hits.payments, least))


def _hits(found: Table, *, hours: int, amount: IntegerValue, score: IntegerValue) -> Table:
    return found.select(
        subject=found.subject,
        from_us=found.us - hours * HOUR_US,
        to_us=found.us,
        payments=found.payments,
        amount=amount,
        score=score,
    )


def _preceding(hours: int) -> Any:
    """From so long before a leg to itself, with all of the same microsecond: the same rows whatever their order."""
    return ibis.range_window(preceding=hours * HOUR_US, following=0, group_by="subject", order_by="us")


def _in_order(*groups: str) -> Any:
    return ibis.window(group_by=list(groups), order_by=["us", "tx_id"])


def _percent(value: IntegerValue, of: int) -> IntegerValue:
    """Whole percent, rounded down without a division of floats, which engines round each in their way."""
    return (value * 100 - value * 100 % of) // of


def _half(of: int) -> int:
    return (of + 1) // 2


def _zero() -> Any:
    return ibis.literal(0, "int64")
