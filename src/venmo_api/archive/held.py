"""What must be true of money that waits: what is held, for what, and what was captured of it."""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from venmo_api.archive import verdicts
from venmo_api.archive.columns import CENTS, ID
from venmo_api.archive.evidence import Evidence
from venmo_api.archive.tiers import Hot
from venmo_api.archive.verdicts import Check, count, either, named, true
from venmo_api.core.money import dollars

OPEN = pa.schema([("id", ID), ("account_id", ID), ("amount", CENTS)])
CAPTURED = pa.schema([("id", ID), ("captured", CENTS)])
PARTIES = ["hold_id", "sender_id", "recipient_id"]


def held(evidence: Evidence) -> Check:
    """What an account holds is what is left of its open holds; each of them belongs to a payment, an authorisation or
    a cash-out that waits with so much; and whatever waits has one."""
    accounts, holds = evidence.hot.accounts, evidence.hot.holds
    is_open = holds.filter(true(holds["open"]))
    left = pc.subtract(is_open["amount"], is_open["captured"])
    there = pa.table([is_open["id"], is_open["account_id"], left], schema=OPEN)
    sums = there.group_by("account_id").aggregate([("amount", "sum")])
    due = pc.fill_null(verdicts.looked_up(accounts["id"], sums["account_id"], sums["amount_sum"]), 0)
    offenders = [
        *named("account", accounts["id"].filter(pc.not_equal(accounts["held"], due))),
        *named("of unknown account", verdicts.missing(is_open["account_id"], accounts["id"])),
        *named("hold", verdicts.difference(_waiting(evidence.hot), there)),
    ]
    counted = f"{count(is_open.num_rows, 'open hold')}, {dollars(pc.sum(left).as_py() or 0)}"
    return verdicts.check("money held", counted, offenders)


def captured(evidence: Evidence) -> Iterable[Check]:
    """What was captured of a hold is what was paid of it: by the payments of an authorisation between its people, or
    by the payment or cash-out that waited."""
    hot = evidence.hot
    holds, authorisations = hot.holds, hot.authorisations
    known = _captured(hot)
    known = known.filter(pc.or_(pc.greater(known["captured"], 0), pc.invert(verdicts.absent(known["id"], holds["id"]))))
    offenders = named("hold", verdicts.difference(known, holds.select(CAPTURED.names)))
    yield verdicts.check("holds captured", count(holds.num_rows, "hold"), offenders)
    some = authorisations.filter(pc.greater(authorisations["captured"], 0))
    paid = hot.payments.filter(verdicts.is_set(hot.payments["hold_id"]))
    sums = paid.group_by(PARTIES).aggregate([("amount", "sum")]).select([*PARTIES, "amount_sum"])
    settled, taken = true(authorisations["settled"]), authorisations["captured"]
    wrong = either(
        pc.greater(taken, authorisations["amount"]),
        pc.and_(pc.equal(taken, authorisations["amount"]), pc.invert(settled)),
        pc.and_(pc.equal(taken, 0), settled),
    )
    offenders = [
        *named("authorisation", verdicts.difference(some.select([*PARTIES, "captured"]), sums)),
        *named("authorisation", authorisations["hold_id"].filter(wrong)),
    ]
    yield verdicts.check("authorisations captured", count(authorisations.num_rows, "authorisation"), offenders)


def _waiting(hot: Hot) -> pa.Table:
    """All that waits: its id, whose money it is, and how much."""
    pended = hot.pended.filter(true(hot.pended["waits"])).select(OPEN.names)
    authorised = hot.authorisations.filter(true(hot.authorisations["waits"]))
    left = pc.subtract(authorised["amount"], authorised["captured"])
    sent = hot.cash_outs.filter(true(hot.cash_outs["waits"]))
    every = pa.concat_tables(
        [
            pended,
            pa.table([authorised["hold_id"], authorised["sender_id"], left], schema=OPEN),
            pa.table([sent["cash_out_id"], sent["user_id"], sent["amount"]], schema=OPEN),
        ]
    )
    return every.filter(pc.greater(every["amount"], 0))


def _captured(hot: Hot) -> pa.Table:
    """What left, so far, of all that ever waited."""
    pended, sent, authorised = hot.pended, hot.cash_outs, hot.authorisations
    return pa.concat_tables(
        [
            pa.table([pended["id"], pc.multiply(pended["amount"], pended["settled"])], schema=CAPTURED),
            pa.table([sent["cash_out_id"], pc.multiply(sent["amount"], sent["settled"])], schema=CAPTURED),
            pa.table([authorised["hold_id"], authorised["captured"]], schema=CAPTURED),
        ]
    )
