"""What must be true of the ledger over both tiers: all of it, in the order it is told."""

from venmo_api.archive import held, histories, payments, verdicts
from venmo_api.archive.evidence import Evidence
from venmo_api.archive.tiers import Cold, Hot
from venmo_api.archive.verdicts import Check, count


def run(hot: Hot, cold: Cold) -> list[Check]:
    evidence = Evidence.of(hot, cold)
    return [
        verdicts.check("manifest chain", count(cold.manifests, "manifest"), cold.broken_chain),
        verdicts.check("archived files", count(cold.files, "file"), cold.broken_files),
        histories.one_place(evidence),
        histories.balanced(evidence),
        *histories.told_in_order(evidence),
        histories.stored_balances(evidence),
        histories.floors(evidence),
        histories.conserved(evidence),
        histories.debts(evidence),
        held.held(evidence),
        *held.captured(evidence),
        *payments.posted(evidence),
        *payments.announced(evidence),
        payments.refunded(evidence),
        payments.requested(evidence),
        payments.told(evidence),
        payments.timed(evidence),
    ]
