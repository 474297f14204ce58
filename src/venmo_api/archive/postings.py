"""The entries that rows of the product must have in the ledger: who, from where, how much."""

from collections.abc import Iterable
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from venmo_api.archive import columns
from venmo_api.archive.columns import CENTS, ID
from venmo_api.archive.evidence import Evidence
from venmo_api.archive.verdicts import true
from venmo_api.ledger.rules import STRIPES, bank_account, fees_account

ENTRIES = pa.schema([("transaction_id", ID), ("account_id", ID), ("amount", CENTS)])


def payments(evidence: Evidence) -> pa.Table:
    """The sender pays the amount and the fee on top, the recipient gets it less the seller's fee."""
    paid = evidence["payments"]
    fees = pc.add(paid["fee"], paid["seller_fee"])
    ids = paid["transfer_id"]
    return pa.concat_tables(
        [
            _entries(ids, paid["sender_id"], pc.negate(pc.add(paid["amount"], paid["fee"]))),
            _entries(ids, paid["recipient_id"], pc.subtract(paid["amount"], paid["seller_fee"])),
            _fees(ids, paid["sender_id"], fees),
        ]
    )


def refunds(evidence: Evidence) -> pa.Table:
    given = evidence["refunds"]
    out = _entries(given["transfer_id"], given["sender_id"], pc.negate(given["amount"]))
    return pa.concat_tables([out, _entries(given["transfer_id"], given["recipient_id"], given["amount"])])


def top_ups(evidence: Evidence) -> pa.Table:
    return _from_bank(evidence["top_ups"]["top_up_id"], evidence["top_ups"])


def fundings(evidence: Evidence) -> pa.Table:
    return _from_bank(evidence["fundings"]["id"], evidence["fundings"])


def cash_outs(evidence: Evidence) -> pa.Table:
    """The bank gets the amount less the fee."""
    sent = evidence["cash_outs"].filter(true(evidence["cash_outs"]["settled"]))
    ids = sent["cash_out_id"]
    return pa.concat_tables(
        [
            _entries(ids, sent["user_id"], pc.negate(sent["amount"])),
            _entries(ids, _stripes(sent["user_id"], BANK), pc.subtract(sent["amount"], sent["fee"])),
            _fees(ids, sent["user_id"], sent["fee"]),
        ]
    )


def _from_bank(ids: pa.ChunkedArray, rows: pa.Table) -> pa.Table:
    out = _entries(ids, _stripes(rows["user_id"], BANK), pc.negate(rows["amount"]))
    return pa.concat_tables([out, _entries(ids, rows["user_id"], rows["amount"])])


def _fees(ids: pa.ChunkedArray, payers: pa.ChunkedArray, fees: pa.ChunkedArray) -> pa.Table:
    """Where nothing is charged, nothing is posted."""
    charged = pc.greater(fees, 0)
    return _entries(ids.filter(charged), _stripes(payers.filter(charged), FEES), fees.filter(charged))


def _entries(ids: pa.ChunkedArray, accounts: pa.ChunkedArray, amounts: pa.ChunkedArray) -> pa.Table:
    return pa.table([ids, accounts, amounts], schema=ENTRIES)


def _stripes(users: pa.ChunkedArray, stripes: pa.Array) -> pa.Array:
    """The stripe of each user: ``ledger.rules``, by the last byte of the id."""
    last_bytes = pc.binary_slice(users.cast(pa.binary()), -1, None).to_pylist()
    return stripes.take(pa.array([last[0] % STRIPES for last in last_bytes], pa.int32()))


def _every(accounts: Iterable[bytes]) -> pa.Array:
    return columns.ids(b"".join(accounts))


BANK = _every(bank_account(UUID(int=number)).bytes for number in range(STRIPES))
FEES = _every(fees_account(UUID(int=number)).bytes for number in range(STRIPES))
