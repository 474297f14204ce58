"""What must be true of double entry itself, over both tiers: sums, running balances, times, debts."""

from collections.abc import Iterable
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from venmo_api.archive import columns, verdicts
from venmo_api.archive.evidence import Evidence
from venmo_api.archive.tiers import BLOCK
from venmo_api.archive.verdicts import NAMED_MOST, Check, Counted, cents, count, either, named, true
from venmo_api.core.money import dollars
from venmo_api.ledger.rules import debt_account

UUID_VERSION_MOST = 8
AMOUNT_MOST = 10**12
"""No entry may be larger, so that no sum of a million entries can wrap around 64 bits and look right."""


def one_place(evidence: Evidence) -> Check:
    """No transaction and no event is in both tiers, or twice in one."""
    transactions, events = evidence.transactions, evidence["events"]
    offenders = [
        *named("transaction", verdicts.repeated(transactions["id"])),
        *named("event", verdicts.repeated(events["id"])),
    ]
    over = (count(transactions.num_rows, "transaction"), count(events.num_rows, "event"))
    return verdicts.check("one place each", over, offenders, ending="is there more than once")


def balanced(evidence: Evidence) -> Check:
    """Each transaction has two entries or more, which sum to zero; each entry has its transaction."""
    how = [("amount", "sum"), ("amount", "count"), ("amount", "min"), ("amount", "max")]
    sums = evidence.entries.group_by("transaction_id").aggregate(how)
    wrong = either(
        pc.not_equal(sums["amount_sum"], 0),
        pc.less(sums["amount_count"], 2),
        pc.less(sums["amount_min"], -AMOUNT_MOST),
        pc.greater(sums["amount_max"], AMOUNT_MOST),
    )
    known = evidence.transactions["id"]
    offenders = [
        *named("transaction", sums["transaction_id"].filter(wrong)),
        *named("transaction without entries", verdicts.missing(known, sums["transaction_id"])),
        *named("entries without transaction", verdicts.missing(sums["transaction_id"], known)),
    ]
    over = (count(sums.num_rows, "transaction"), count(evidence.entries.num_rows, "entry", "entries"))
    return verdicts.check("transactions balance", over, offenders)


def told_in_order(evidence: Evidence) -> Iterable[Check]:
    """Each account's entries are versions 1, 2, 3 and so on, each balance the one before plus the amount. No entry is
    of an earlier moment than the one before it, and the account knows the moment of the last."""
    table = evidence["moves"].sort_by([(name, "ascending") for name in ("account_id", "block", "version")])
    table = table.set_column(table.column_names.index("at"), "at", table["at"].cast(pa.int64())).combine_chunks()
    columns_of = ("account_id", "block", "version", "amount", "balance_after", "at")
    account, block, version, amount, after, at = (table[name].combine_chunks() for name in columns_of)
    same = pc.and_(pc.equal(account[1:], account[:-1]), pc.equal(block[1:], block[:-1]))
    first = pa.concat_arrays([pa.array([True] * bool(len(account)), pa.bool_()), pc.invert(same)])
    leads_in = pc.and_(first, pc.greater(block, 0))  # the end of the block before, which is judged there
    off = either(
        pc.not_equal(version, pc.add(_before(version, same), 1)),
        pc.not_equal(after, pc.add(_before(after, same), amount)),
    )
    cut = pc.not_equal(pc.add(version, 1), pc.multiply(block, BLOCK))
    wrong = pc.if_else(leads_in, cut, off)
    sums = evidence["sums"].group_by("account_id").aggregate([("at", "max")])
    strays = verdicts.missing(sums["account_id"], evidence["accounts"]["id"])
    offenders = [*named("account", pc.unique(account.filter(wrong))), *named("unknown account", strays)]
    over = Counted(sums.num_rows - len(strays), "account with entries", "accounts with entries")
    yield verdicts.check("account histories", over, offenders)
    early = account[1:].filter(pc.and_(pc.less(at[1:], at[:-1]), same))
    offenders = [
        *named("the times step back of account", pc.unique(early)),
        *named("last moved at another moment: account", _forgetful(evidence["accounts"], sums)),
    ]
    yield verdicts.check("times never step back", over, offenders)


def _forgetful(accounts: pa.Table, sums: pa.Table) -> pa.ChunkedArray:
    """The accounts whose last entry is of another moment than they know."""
    last = verdicts.looked_up(accounts["id"], sums["account_id"], sums["at_max"])
    return accounts["id"].filter(pc.fill_null(pc.not_equal(accounts["moved_at"], last), False))


def stored_balances(evidence: Evidence) -> Check:
    """Balance and version of every account are what its entries, over both tiers, add up to."""
    accounts = evidence["accounts"]
    sums = evidence["sums"].group_by("account_id").aggregate([("amount", "sum"), ("count", "sum")])
    at = pc.index_in(accounts["id"], sums["account_id"].combine_chunks())
    balance = pc.fill_null(sums["amount_sum"].take(at), 0)
    version = pc.fill_null(sums["count_sum"].take(at), 0)
    wrong = either(pc.not_equal(accounts["balance"], balance), pc.not_equal(accounts["version"], version))
    offenders = named("account", accounts["id"].filter(wrong))
    detail = [
        f"{name} stores {dollars(stored)}, its entries say {dollars(rebuilt)}"
        for name, stored, rebuilt in zip(
            offenders[:NAMED_MOST],
            accounts["balance"].filter(wrong)[:NAMED_MOST].to_pylist(),
            balance.filter(wrong)[:NAMED_MOST].to_pylist(),
            strict=True,
        )
    ]
    return verdicts.check("stored balances", count(accounts.num_rows, "account"), detail + offenders[NAMED_MOST:])


def floors(evidence: Evidence) -> Check:
    """No balance, less what is held, is below its floor; nothing held is below zero."""
    accounts = evidence["accounts"]
    available = pc.subtract(accounts["balance"], accounts["held"])
    wrong = either(pc.less(available, accounts["floor"]), pc.less(accounts["held"], 0))
    offenders = named("account", accounts["id"].filter(wrong))
    return verdicts.check("floors and holds", count(accounts.num_rows, "account"), offenders)


def debts(evidence: Evidence) -> Check:
    """What the house lends goes from a person's debt to their wallet, what they repay the other way; a debt is a
    person's, and who owes is known to owe."""
    accounts = evidence["accounts"]
    wallets = accounts.filter(pc.equal(accounts["kind"], "wallet"))
    debts = accounts.filter(pc.equal(accounts["kind"], "debt"))
    owing = _counterparts(debts["id"].filter(pc.less(debts["balance"], 0)))
    known = wallets["id"].filter(true(wallets["owes"]))
    offenders = [
        *named("debt of nobody", debts["id"].filter(verdicts.absent(_counterparts(debts["id"]), wallets["id"]))),
        *named("owes and is not known to", verdicts.missing(owing, known)),
        *named("is said to owe and does not", verdicts.missing(known, owing)),
    ]
    for kind in ("advance", "repayment"):
        entries = evidence.entries_of(kind)
        to_person = pc.equal(pc.greater(entries["amount"], 0), kind == "advance")
        persons, lent = entries.filter(to_person), entries.filter(pc.invert(to_person))
        due = persons.set_column(1, "account_id", _counterparts(persons["account_id"]))
        due = due.set_column(2, "amount", pc.negate(due["amount"]))
        offenders += named(kind, verdicts.difference(due, lent))
        offenders += named(f"{kind} the wrong way round", persons["transaction_id"].filter(_are_debts(persons)))
    owed = -(pc.sum(debts["balance"]).as_py() or 0)
    return verdicts.check("debts", (count(debts.num_rows, "account"), cents(owed, "owed")), offenders)


def _are_debts(entries: pa.Table) -> pa.Array:
    """Which of these are of debt accounts, by the version in their id, which no id of ours has."""
    return pa.array([each[6] >> 4 > UUID_VERSION_MOST for each in entries["account_id"].to_pylist()], pa.bool_())


def _counterparts(accounts: pa.ChunkedArray) -> pa.ChunkedArray:
    """The debt account of each wallet, or the wallet of each debt: the id with another version, there and back."""
    found = b"".join(debt_account(UUID(bytes=each)).bytes for each in accounts.to_pylist())
    return pa.chunked_array([columns.ids(found)])


def _before(values: pa.Array, same: pa.Array) -> pa.Array:
    """Of each row, the value of the row before it of the same account; 0 for an account's first."""
    if not len(values):
        return values
    return pa.concat_arrays([pa.array([0], values.type), pc.if_else(same, values[:-1], 0).cast(values.type)])
