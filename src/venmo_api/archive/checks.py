"""What must be true of the ledger over both tiers: all of it, in the order it is told."""

from collections.abc import Callable, Iterable

from venmo_api.archive import held, histories, payments, verdicts
from venmo_api.archive.evidence import Evidence
from venmo_api.archive.tiers import Found
from venmo_api.archive.verdicts import Check, cents, count
from venmo_api.core.money import dollars

Tell = Callable[[str], None]


def run(found: Found, tell: Tell) -> list[Check]:
    """Bucket by bucket: what has something to do with each other is in one bucket."""
    total: dict[str, Check] = {}
    number = found.buckets.number
    for bucket in range(number):
        tell(f"checking part {bucket + 1:,} of {number:,}")
        for check in _checks(Evidence(found.buckets, bucket, found.waiting)):
            total[check.name] = total[check.name] + check if check.name in total else check
    return [
        verdicts.check("manifest chain", count(found.manifests, "manifest"), found.broken_chain),
        verdicts.check("archived files", count(found.files, "file"), found.broken_files),
        *total.values(),
        _conserved(found),
    ]


def _checks(evidence: Evidence) -> Iterable[Check]:
    yield histories.one_place(evidence)
    yield histories.balanced(evidence)
    yield from histories.told_in_order(evidence)
    yield histories.stored_balances(evidence)
    yield histories.floors(evidence)
    yield histories.debts(evidence)
    yield held.held(evidence)
    yield from held.captured(evidence)
    yield from payments.posted(evidence)
    yield from payments.announced(evidence)
    yield payments.refunded(evidence)
    yield payments.requested(evidence)
    yield payments.told(evidence)
    yield payments.timed(evidence)


def _conserved(found: Found) -> Check:
    """All balances, the bank's among them, sum to zero: no cent was made or lost."""
    total = sum(found.balances.values())
    offenders = [f"all balances sum to {dollars(total)}"] if total else []
    return verdicts.check("money conserved", cents(found.balances["wallet"], "in wallets"), offenders)
