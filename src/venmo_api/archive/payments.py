"""What must be true of payments, refunds and money in and out: their rows, entries, events, stories and times agree."""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from venmo_api.archive import notes, postings, verdicts
from venmo_api.archive.columns import CASH_OUTS, REFUNDS, TOP_UPS, TRANSFERS
from venmo_api.archive.evidence import Evidence
from venmo_api.archive.verdicts import Check, count, either, named, true

_TIMES = ["id", "at"]


def posted(evidence: Evidence) -> Iterable[Check]:
    """Each settled payment, refund, top-up, charge of a card or bank, and cash-out is one ledger transaction of its id
    and amounts; and the other way round."""
    for noun, kind, due, number in (
        ("transfer", "transfer", postings.payments(evidence), evidence["payments"].num_rows),
        ("refund", "refund", postings.refunds(evidence), evidence["refunds"].num_rows),
        ("top-up", "top_up", postings.top_ups(evidence), evidence["top_ups"].num_rows),
        ("funding", "funding", postings.fundings(evidence), evidence["fundings"].num_rows),
        ("cash-out", "cash_out", postings.cash_outs(evidence), _settled_cash_outs(evidence).num_rows),
    ):
        offenders = named(noun, verdicts.difference(due, evidence.entries_of(kind)))
        yield verdicts.check(f"{noun}s posted", count(number, f"settled {noun}"), offenders)


def announced(evidence: Evidence) -> Iterable[Check]:
    """Each settled payment, refund, top-up and cash-out was announced by one event that says the same, to the last
    letter of the note (where the archived one can be opened); and the other way round."""
    for noun, due, actual in (
        ("transfer", _as_readable(evidence["payments"], evidence), evidence["TransferSettled"].select(TRANSFERS.names)),
        ("refund", evidence["refunds"].select(REFUNDS.names), evidence["TransferRefunded"]),
        ("top-up", evidence["top_ups"], evidence["TopUpSettled"].select(TOP_UPS.names)),
        (
            "cash-out",
            _settled_cash_outs(evidence).select(CASH_OUTS.names),
            evidence["CashOutSettled"].select(CASH_OUTS.names),
        ),
    ):
        offenders = named(noun, verdicts.difference(due, actual))
        yield verdicts.check(f"{noun}s announced", count(actual.num_rows, f"{noun} event"), offenders)


def refunded(evidence: Evidence) -> Check:
    """Each refund gives money of one settled payment back to who paid it; all of them together are what the payment
    says was refunded, and not more than it."""
    paid, given = evidence["payments"], evidence["given_back"]
    at = pc.index_in(given["refund_of"], paid["transfer_id"].combine_chunks())
    wrong = either(
        pc.is_null(at),
        pc.not_equal(given["settled"], 1),
        pc.not_equal(given["fees"], 0),
        *(
            pc.not_equal(given[one], pc.fill_null(paid[other].take(at), given[one]))
            for one, other in (("sender_id", "recipient_id"), ("recipient_id", "sender_id"), ("currency", "currency"))
        ),
    )
    sums = given.group_by("refund_of").aggregate([("amount", "sum")])
    back = verdicts.looked_up(paid["transfer_id"], sums["refund_of"], sums["amount_sum"])
    off = either(pc.not_equal(paid["refunded"], pc.fill_null(back, 0)), pc.greater(paid["refunded"], paid["amount"]))
    offenders = [*named("refund", given["transfer_id"].filter(wrong)), *named("of transfer", _ids(paid, off))]
    return verdicts.check("refunds of their payments", count(given.num_rows, "refund"), offenders)


def requested(evidence: Evidence) -> Check:
    """Each settled request was settled by the one payment that says so, between its people and of its amount."""
    requests = evidence["requests"]
    offenders = named("request", verdicts.difference(requests, evidence["accepted"]))
    return verdicts.check("requests settled", count(requests.num_rows, "settled request"), offenders)


def told(evidence: Evidence) -> Check:
    """Each story says what the event of its payment says; only an event not yet delivered may have none."""
    stories, said = evidence["stories"], evidence["TransferSettled"]
    delivered = said["transfer_id"].filter(verdicts.absent(said["event_id"], evidence.waiting))
    there = pc.invert(verdicts.absent(said["transfer_id"], stories["transfer_id"]))
    offenders = [
        *named(
            "story", verdicts.difference(_as_readable(stories, evidence), said.filter(there).select(TRANSFERS.names))
        ),
        *named("no story of transfer", verdicts.missing(delivered, stories["transfer_id"])),
    ]
    return verdicts.check("stories as announced", count(stories.num_rows, "story", "stories"), offenders)


def timed(evidence: Evidence) -> Check:
    """Each event's row says the moment the event says, each entry that of its transaction; each ledger transaction is
    of the moment its payment or refund was settled, or of which the event of its top-up or cash-out says so."""
    entries = evidence.entries
    astray = pc.fill_null(pc.not_equal(entries["at"], entries["posted_at"]), False)
    offenders = [
        *named("event", evidence["mistimed"]["id"]),
        *named("an entry of transaction", pc.unique(entries["transaction_id"].filter(astray))),
    ]
    for kind, due in (
        ("transfer", evidence["payments"].select(["transfer_id", "at"])),
        ("refund", evidence["refunds"].select(["transfer_id", "at"])),
        ("top_up", evidence["TopUpSettled"].select(["top_up_id", "at"])),
        ("cash_out", evidence["CashOutSettled"].select(["cash_out_id", "at"])),
    ):
        posted = evidence.transactions_of(kind).select(["id", "created_at"])
        offenders += named(kind.replace("_", "-"), verdicts.difference(due.rename_columns(_TIMES), posted))
    over = (count(evidence.transactions.num_rows, "transaction"), count(evidence["events"].num_rows, "event"))
    return verdicts.check("times agree", over, offenders)


def _as_readable(rows: pa.Table, evidence: Evidence) -> pa.Table:
    """Payments or stories; of those whose archived note nobody can open any more, without their note."""
    said = evidence["TransferSettled"]
    lost = said["transfer_id"].filter(pc.equal(said["note"], notes.UNREADABLE))
    note = pc.if_else(verdicts.absent(rows["transfer_id"], lost), rows["note"], notes.UNREADABLE)
    return rows.select(TRANSFERS.names).set_column(TRANSFERS.names.index("note"), "note", note)


def _settled_cash_outs(evidence: Evidence) -> pa.Table:
    sent = evidence["cash_outs"]
    return sent.filter(true(sent["settled"]))


def _ids(payments: pa.Table, which: pa.ChunkedArray) -> pa.ChunkedArray:
    return payments["transfer_id"].filter(which)
