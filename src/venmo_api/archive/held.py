"""What must be true of money that waits: what is held, for what, and what was captured of it."""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from venmo_api.archive import verdicts
from venmo_api.archive.columns import CENTS, ID
from venmo_api.archive.evidence import PARTIES, Evidence
from venmo_api.archive.verdicts import Check, cents, count, either, named, true

OPEN = pa.schema([("id", ID), ("account_id", ID), ("amount", CENTS)])
CAPTURED = pa.schema([("id", ID), ("captured", CENTS)])


def held(evidence: Evidence) -> Check:
    """What an account holds is what is left of its open holds; each of them belongs to a payment, an authorisation or
    a cash-out that waits with so much; and whatever waits has one."""
    accounts, there, theirs = evidence["accounts"], _open(evidence["holds"]), _open(evidence["account_holds"])
    sums = theirs.group_by("account_id").aggregate([("amount", "sum")])
    due = pc.fill_null(verdicts.looked_up(accounts["id"], sums["account_id"], sums["amount_sum"]), 0)
    offenders = [
        *named("account", accounts["id"].filter(pc.not_equal(accounts["held"], due))),
        *named("of unknown account", verdicts.missing(theirs["account_id"], accounts["id"])),
        *named("hold", verdicts.difference(_waiting(evidence), there)),
    ]
    over = (count(there.num_rows, "open hold"), cents(pc.sum(there["amount"]).as_py() or 0))
    return verdicts.check("money held", over, offenders)


def captured(evidence: Evidence) -> Iterable[Check]:
    """What was captured of a hold is what was paid of it: by the payments of an authorisation between its people, or
    by the payment or cash-out that waited."""
    holds, authorisations = evidence["holds"], evidence["authorisations"]
    known = _captured(evidence)
    known = known.filter(pc.or_(pc.greater(known["captured"], 0), pc.invert(verdicts.absent(known["id"], holds["id"]))))
    offenders = named("hold", verdicts.difference(known, holds.select(CAPTURED.names)))
    yield verdicts.check("holds captured", count(holds.num_rows, "hold"), offenders)
    some = authorisations.filter(pc.greater(authorisations["captured"], 0))
    sums = evidence["captures"].group_by(PARTIES).aggregate([("amount", "sum")]).select([*PARTIES, "amount_sum"])
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


def _open(holds: pa.Table) -> pa.Table:
    """What is left of those that are open."""
    holds = holds.filter(true(holds["open"]))
    left = pc.subtract(holds["amount"], holds["captured"])
    return pa.table([holds["id"], holds["account_id"], left], schema=OPEN)


def _waiting(evidence: Evidence) -> pa.Table:
    """All that waits: its id, whose money it is, and how much."""
    pended, authorised, sent = (
        table.filter(true(table["waits"]))
        for table in (evidence["pended"], evidence["authorisations"], evidence["cash_outs"])
    )
    pended = pended.select(OPEN.names)
    left = pc.subtract(authorised["amount"], authorised["captured"])
    every = pa.concat_tables(
        [
            pended,
            pa.table([authorised["hold_id"], authorised["sender_id"], left], schema=OPEN),
            pa.table([sent["cash_out_id"], sent["user_id"], sent["amount"]], schema=OPEN),
        ]
    )
    return every.filter(pc.greater(every["amount"], 0))


def _captured(evidence: Evidence) -> pa.Table:
    """What left, so far, of all that ever waited."""
    pended, sent, authorised = evidence["pended"], evidence["cash_outs"], evidence["authorisations"]
    return pa.concat_tables(
        [
            pa.table([pended["id"], pc.multiply(pended["amount"], pended["settled"])], schema=CAPTURED),
            pa.table([sent["cash_out_id"], pc.multiply(sent["amount"], sent["settled"])], schema=CAPTURED),
            pa.table([authorised["hold_id"], authorised["captured"]], schema=CAPTURED),
        ]
    )
