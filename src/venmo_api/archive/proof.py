"""The proof: over Postgres and S3 together, no payment is lost, doubled or changed and every balance is right.

Postgres is read as of one moment; the manifests it names then anchor what is read from S3. So payments, and even
archiving, may go on meanwhile.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from anyio.to_thread import run_sync

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.s3 import ObjectMissing
from venmo_api.archive import checks, cold, rules, snapshot, tiers
from venmo_api.archive.buckets import Buckets
from venmo_api.archive.service import Progress, silent
from venmo_api.archive.tiers import Found
from venmo_api.archive.verdicts import Check
from venmo_api.core.clock import rfc3339

ROWS_AT_ONCE = 200_000


@dataclass(frozen=True, slots=True)
class Proof:
    """``notes`` are worth knowing and no failure."""

    at: datetime
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)


async def verify(app: Adapters, *, progress: Progress | None = None, rows_at_once: int = ROWS_AT_ONCE) -> Proof:
    """Check everything there is, in memory that does not grow with it: what belongs together is put together on disk,
    in parts of about ``rows_at_once``. Raises Unavailable when Postgres or S3 cannot be reached."""
    tell = progress or silent
    at = app.clock.now()
    buckets = await run_sync(
        partial(Buckets, rows=await app.database.read(snapshot.rows_about), rows_at_once=rows_at_once)
    )
    try:
        found = Found(buckets)
        manifests = await app.database.read(tiers.hot, found, tell)
        await cold.read(app, manifests, found, tell)
        checked = await run_sync(checks.run, found, tell)
        return Proof(at, tuple(checked), await _notes(app, len(manifests)))
    finally:
        await run_sync(buckets.close)


def report(proof: Proof) -> str:
    """The proof as text that a person reads: a line a check, what is wrong below it."""
    name_width = max(len(check.name) for check in proof.checks)
    lines = [f"Proof of the ledger as of {rfc3339(proof.at)}", ""]
    for check in proof.checks:
        lines.append(f"  {'ok  ' if check.passed else 'FAIL'}  {check.name:<{name_width}}  {check.counted}")
        if not check.passed:
            lines.append(f"  {'':<{name_width + 6}}  {check.failures:,} wrong: {check.detail}")
    lines += ["", *(f"  note: {note}" for note in proof.notes)]
    failed = sum(not check.passed for check in proof.checks)
    lines.append(
        f"{'PASSED' if proof.passed else 'FAILED'}: {len(proof.checks) - failed} of {len(proof.checks)} checks"
    )
    return "\n".join(lines)


async def _notes(app: Adapters, known: int) -> tuple[str, ...]:
    expected = {rules.manifest_key(number) for number in range(1, known + 1)}
    try:
        found = await app.objects.keys(rules.MANIFESTS)
    except ObjectMissing:
        return ("the bucket of the archive does not exist",)
    return tuple(
        f"unfinished archive run: {key} is in S3 and was not in Postgres; the next run of the archive finishes it"
        for key in found
        if key not in expected
    )
