"""What must be true of the ledger over both tiers, column by column. Pure, but for Arrow."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from venmo_api.archive import tiers
from venmo_api.archive.columns import TOP_UPS, TOP_UPS_SAID, TRANSFERS, TRANSFERS_SAID
from venmo_api.archive.tiers import ENTRIES, EVENT_IDS, TRANSACTIONS, Cold, Hot, joined
from venmo_api.core.money import dollars

NAMED_MOST = 3
_TIMES = ["id", "created_at"]
AMOUNT_MOST = 10**12
"""No entry may be larger, so that no sum of a million entries can wrap around 64 bits and look right."""


@dataclass(frozen=True, slots=True)
class Check:
    """One claim: ``counted`` says over what, ``failures`` how often it does not hold, ``detail`` where, at first."""

    name: str
    counted: str
    failures: int
    detail: str

    @property
    def passed(self) -> bool:
        return self.failures == 0


@dataclass(slots=True)
class Evidence:
    """Both tiers as one."""

    hot: Hot
    cold: Cold
    transactions: pa.Table
    entries: pa.Table
    events: pa.Table
    transfers: pa.Table
    top_ups: pa.Table
    """``transfers`` and ``top_ups`` are what the events say."""

    @classmethod
    def of(cls, hot: Hot, cold: Cold) -> "Evidence":
        return cls(
            hot,
            cold,
            joined(hot.tier.transactions + cold.tier.transactions, TRANSACTIONS),
            joined(hot.tier.entries + cold.tier.entries, ENTRIES),
            joined(hot.tier.event_ids + cold.tier.event_ids, EVENT_IDS),
            joined(hot.tier.transfers + cold.tier.transfers, TRANSFERS_SAID),
            joined(hot.tier.top_ups + cold.tier.top_ups, TOP_UPS_SAID),
        )


def run(hot: Hot, cold: Cold) -> list[Check]:
    evidence = Evidence.of(hot, cold)
    return [
        _check("manifest chain", _count(cold.manifests, "manifest"), cold.broken_chain),
        _check("archived files", _count(cold.files, "file"), cold.broken_files),
        one_place(evidence),
        balanced(evidence),
        histories(evidence),
        stored_balances(evidence),
        floors(evidence),
        conserved(evidence),
        *posted(evidence),
        *announced(evidence),
        told(evidence),
        timed(evidence),
    ]


def one_place(evidence: Evidence) -> Check:
    """No transaction and no event is in both tiers, or twice in one."""
    offenders = [
        *_named("transaction", _repeated(evidence.transactions["id"])),
        *_named("event", _repeated(evidence.events["id"])),
    ]
    counted = f"{_count(evidence.transactions.num_rows, 'transaction')}, {_count(evidence.events.num_rows, 'event')}"
    return _check("one place each", counted, offenders, ending="is there more than once")


def balanced(evidence: Evidence) -> Check:
    """Each transaction has two entries or more, which sum to zero; each entry has its transaction."""
    how = [("amount", "sum"), ("amount", "count"), ("amount", "min"), ("amount", "max")]
    sums = evidence.entries.group_by("transaction_id").aggregate(how)
    wrong = _any(
        pc.not_equal(sums["amount_sum"], 0),
        pc.less(sums["amount_count"], 2),
        pc.less(sums["amount_min"], -AMOUNT_MOST),
        pc.greater(sums["amount_max"], AMOUNT_MOST),
    )
    known = evidence.transactions["id"]
    offenders = [
        *_named("transaction", sums["transaction_id"].filter(wrong)),
        *_named("transaction without entries", _missing(known, sums["transaction_id"])),
        *_named("entries without transaction", _missing(sums["transaction_id"], known)),
    ]
    counted = f"{_count(sums.num_rows, 'transaction')}, {_count(evidence.entries.num_rows, 'entry', 'entries')}"
    return _check("transactions balance", counted, offenders)


def histories(evidence: Evidence) -> Check:
    """Each account's entries are versions 1, 2, 3 and so on, each balance the one before plus the amount."""
    accounts = evidence.hot.accounts["id"].combine_chunks()
    table = evidence.entries.append_column("account", pc.index_in(evidence.entries["account_id"], accounts))
    strays = table.filter(pc.is_null(table["account"]))
    table = table.filter(pc.is_valid(table["account"])).select(["account", "version", "amount", "balance_after"])
    table = table.sort_by([("account", "ascending"), ("version", "ascending")]).combine_chunks()
    account, version, amount, after = (column.combine_chunks() for column in table.columns)
    same = pc.equal(account[1:], account[:-1])
    wrong = _any(
        pc.not_equal(version, pc.add(_before(version, same), 1)),
        pc.not_equal(after, pc.add(_before(after, same), amount)),
    )
    offenders = [
        *_named("account", accounts.take(pc.unique(account.filter(wrong)))),
        *_named("unknown account", pc.unique(strays["account_id"])),
    ]
    counted = f"{_count(pc.count_distinct(account).as_py(), 'account')} with entries"
    return _check("account histories", counted, offenders)


def stored_balances(evidence: Evidence) -> Check:
    """Balance and version of every account are what its entries, over both tiers, add up to."""
    accounts = evidence.hot.accounts
    sums = evidence.entries.group_by("account_id").aggregate([("amount", "sum"), ("amount", "count")])
    at = pc.index_in(accounts["id"], sums["account_id"].combine_chunks())
    balance = pc.fill_null(sums["amount_sum"].take(at), 0)
    version = pc.fill_null(sums["amount_count"].take(at), 0)
    wrong = _any(pc.not_equal(accounts["balance"], balance), pc.not_equal(accounts["version"], version))
    offenders = _named("account", accounts["id"].filter(wrong))
    detail = [
        f"{name} stores {dollars(stored)}, its entries say {dollars(rebuilt)}"
        for name, stored, rebuilt in zip(
            offenders[:NAMED_MOST],
            accounts["balance"].filter(wrong)[:NAMED_MOST].to_pylist(),
            balance.filter(wrong)[:NAMED_MOST].to_pylist(),
            strict=True,
        )
    ]
    return _check("stored balances", _count(accounts.num_rows, "account"), detail + offenders[NAMED_MOST:])


def floors(evidence: Evidence) -> Check:
    """No balance, less what is held, is below its floor; nothing held is below zero."""
    accounts = evidence.hot.accounts
    available = pc.subtract(accounts["balance"], accounts["held"])
    wrong = _any(pc.less(available, accounts["floor"]), pc.less(accounts["held"], 0))
    offenders = _named("account", accounts["id"].filter(wrong))
    return _check("floors and holds", _count(accounts.num_rows, "account"), offenders)


def conserved(evidence: Evidence) -> Check:
    """All balances, the bank's among them, sum to zero: no cent was made or lost."""
    balances = evidence.hot.accounts["balance"]
    total = pc.sum(balances).as_py() or 0
    people = pc.sum(balances.filter(pc.equal(evidence.hot.accounts["kind"], "wallet"))).as_py() or 0
    offenders = [f"all balances sum to {dollars(total)}"] if total else []
    return _check("money conserved", f"{dollars(people)} in wallets", offenders)


def posted(evidence: Evidence) -> Iterable[Check]:
    """Each settled transfer and top-up is one ledger transaction of its id and amounts; and the other way round."""
    entries = evidence.entries.select(["transaction_id", "account_id", "amount"])
    transfers, top_ups = evidence.hot.transfers, evidence.hot.top_ups
    for name, kind, due, number in zip(
        ("transfers posted", "top-ups posted"),
        ("transfer", "top_up"),
        tiers.postings(transfers, top_ups),
        (transfers.num_rows, top_ups.num_rows),
        strict=True,
    ):
        of_kind = evidence.transactions["id"].filter(pc.equal(evidence.transactions["kind"], kind))
        actual = entries.filter(pc.is_in(entries["transaction_id"], of_kind.combine_chunks()))
        offenders = _named(kind.replace("_", "-"), _difference(due, actual))
        yield _check(name, _count(number, "settled " + kind.replace("_", "-")), offenders)


def announced(evidence: Evidence) -> Iterable[Check]:
    """Each settled transfer and top-up was announced by one event that says the same, to the last letter of the note;
    and the other way round."""
    for noun, due, actual in (
        ("transfer", evidence.hot.transfers, evidence.transfers.select(TRANSFERS.names)),
        ("top-up", evidence.hot.top_ups, evidence.top_ups.select(TOP_UPS.names)),
    ):
        offenders = _named(noun, _difference(due, actual))
        yield _check(f"{noun}s announced", _count(actual.num_rows, f"{noun} event"), offenders)


def told(evidence: Evidence) -> Check:
    """Each story says what the event of its transfer says; only an event not yet delivered may have none."""
    stories, said = evidence.hot.stories, evidence.transfers
    delivered = said["transfer_id"].filter(_absent(said["event_id"], evidence.hot.waiting["event_id"]))
    known = said.filter(pc.invert(_absent(said["transfer_id"], stories["transfer_id"]))).select(TRANSFERS.names)
    offenders = [
        *_named("story", _difference(stories, known)),
        *_named("no story of transfer", _missing(delivered, stories["transfer_id"])),
    ]
    return _check("stories as announced", _count(stories.num_rows, "story", "stories"), offenders)


def timed(evidence: Evidence) -> Check:
    """Each event's row says the moment the event says; each transfer's ledger transaction the moment of the transfer,
    each top-up's that of its event."""
    mistimed = joined(evidence.hot.tier.mistimed + evidence.cold.tier.mistimed, EVENT_IDS)
    offenders = _named("event", mistimed["id"])
    for kind, due in (
        ("transfer", evidence.hot.transfers.select(["transfer_id", "at"])),
        ("top_up", evidence.top_ups.select(["top_up_id", "at"])),
    ):
        posted = evidence.transactions.filter(pc.equal(evidence.transactions["kind"], kind)).select(_TIMES)
        offenders += _named(kind.replace("_", "-"), _difference(due.rename_columns(_TIMES), posted))
    transactions, events = evidence.transactions.num_rows, evidence.events.num_rows
    counted = f"{_count(transactions, 'transaction')}, {_count(events, 'event')}"
    return _check("times agree", counted, offenders)


def _check(name: str, counted: str, offenders: Sequence[str], *, ending: str = "") -> Check:
    named = "; ".join(offenders[:NAMED_MOST]) + (f" {ending}" if offenders and ending else "")
    more = len(offenders) - NAMED_MOST
    return Check(name, counted, len(offenders), named + (f"; and {more:,} more" if more > 0 else ""))


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _named(noun: str, ids: pa.ChunkedArray) -> list[str]:
    return [f"{noun} {UUID(bytes=each)}" for each in ids.to_pylist()]


def _repeated(ids: pa.ChunkedArray) -> pa.Array:
    counts = pc.value_counts(ids)
    return counts.field("values").filter(pc.greater(counts.field("counts"), 1))


def _missing(ids: pa.ChunkedArray, known: pa.ChunkedArray) -> pa.ChunkedArray:
    return ids.filter(_absent(ids, known))


def _absent(ids: pa.ChunkedArray, known: pa.ChunkedArray) -> pa.ChunkedArray:
    """Which of ``ids`` are not ``known``."""
    return pc.invert(pc.is_in(ids, known.combine_chunks()))


def _any(*masks: pa.ChunkedArray) -> pa.ChunkedArray:
    """Rows that are wrong in any way."""
    first, *others = masks
    for mask in others:
        first = pc.or_(first, mask)
    return first


def _before(values: pa.Array, same: pa.Array) -> pa.Array:
    """Of each row, the value of the row before it of the same account; 0 for an account's first."""
    if not len(values):
        return values
    return pa.concat_arrays([pa.array([0], values.type), pc.if_else(same, values[:-1], 0).cast(values.type)])


def _difference(due: pa.Table, actual: pa.Table) -> pa.Array:
    """The ids (first column) of rows that are on one side only, or not as often on the other."""
    names = due.column_names
    sides = [
        table.append_column("side", pa.repeat(pa.scalar(sign, pa.int64()), table.num_rows))
        for table, sign in ((due, 1), (actual, -1))
    ]
    counts = pa.concat_tables(sides).group_by(names).aggregate([("side", "sum")])
    return pc.unique(counts[names[0]].filter(pc.not_equal(counts["side_sum"], 0)))
