"""Case files: what was reported, with evidence that anybody who has the bucket can check, long after."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.s3 import ObjectDamaged, ObjectExists, ObjectMissing
from venmo_api.analytics import cases, evidence, queries, rules
from venmo_api.analytics.cases import Dossier
from venmo_api.analytics.inputs import number
from venmo_api.analytics.rules import CaseUnfiled, Disposition, Payment, Step
from venmo_api.archive import catalog
from venmo_api.archive.rules import (
    MANIFESTS,
    RISK,
    ArchiveMismatch,
    File,
    Link,
    follows,
    link,
    manifest_key,
    parse,
    sha256,
    standing,
)
from venmo_api.core import ids
from venmo_api.core.clock import rfc3339

FOLDER = "cases/"
FORMAT = 1
MOMENT = pa.timestamp("us", tz="UTC")
EVIDENCE = pa.schema(
    [
        ("alert_id", pa.binary(16)),
        ("tx_id", pa.binary(16)),
        ("kind", pa.string()),
        ("at", MOMENT),
        ("sender_id", pa.binary(16)),
        ("recipient_id", pa.binary(16)),
        ("amount", pa.int64()),
        ("file_key", pa.string()),
    ]
)
"""One row a payment of an alert, and the file of the archive it stands in."""


@dataclass(slots=True)
class Verified:
    """What was looked at, and ``wrong``: sentences, none when the case file is what was written and the archive bears
    it out. ``replaced``: files that have since been joined into others, in which the same rows stand."""

    alerts: int = 0
    payments: int = 0
    files: int = 0
    replaced: int = 0
    wrong: list[str] = field(default_factory=list)


async def write(app: Adapters, case_id: UUID) -> str:
    """Write the file of a case that was reported; its key. Written twice it is the same one. Raises CaseNotFound, and
    CaseUnfiled for a case that was not reported."""
    found = await app.database.read(cases.dossier, case_id)
    case = found.case
    if case.closed_at is None or case.disposition is not Disposition.REPORT:
        raise CaseUnfiled
    if case.file_key is not None:
        return case.file_key
    keep_until = case.closed_at + timedelta(seconds=app.figures.case_kept_seconds)
    rows = _parquet(found)
    rows_key = f"{FOLDER}{case.id.hex}/{sha256(rows)}.parquet"
    body = json.dumps(document(found, rows_key), sort_keys=True, separators=(",", ":")).encode()
    key = f"{FOLDER}{case.id.hex}/{sha256(body)}.json"
    for name, content, content_type in (
        (rows_key, rows, "application/vnd.apache.parquet"),
        (key, body, "application/json"),
    ):
        with suppress(ObjectExists):
            await app.objects.put_new(name, content, content_type=content_type, keep_until=keep_until)
        if await app.objects.get(name) != content:
            raise ArchiveMismatch(f"{name} does not hold what was written.")
    await app.database.transact(queries.filed, case_id, key)
    return key


def document(found: Dossier, rows_key: str) -> dict[str, Any]:
    """All of a case but its payments, which are in ``rows_key``. People are ids: who they are, the service tells."""
    case, end = found.case, found.steps[-1]
    maker = next(done for done in reversed(found.steps) if done.step is Step.PROPOSE)
    once = {payment.tx_id: payment.amount for _, payment in found.payments}
    return {
        "format": FORMAT,
        "case": ids.encode(ids.CASE, case.id),
        "opened_at": rfc3339(case.opened_at),
        "closed_at": rfc3339(case.closed_at) if case.closed_at else None,
        "due_at": rfc3339(case.due_at) if case.due_at else None,
        "disposition": case.disposition,
        "typologies": list(case.typologies),
        "narrative": maker.narrative,
        "maker": _user(maker.actor_id),
        "checker": _user(end.actor_id),
        "subjects": [{"kind": one.kind, "number": one.number, "user": _user(one.account_id)} for one in found.subjects],
        "alerts": [_alert(row._mapping) for row in found.alerts],
        "manifests": sorted({(row.manifest_sequence, row.manifest_sha256.hex()) for row in found.alerts}),
        "files": sorted({payment.file_key for _, payment in found.payments}),
        "evidence": rows_key,
        "payments": len(once),
        "amount": sum(once.values()),
        "steps": [
            {"step": done.step, "at": rfc3339(done.at), "actor": _user(done.actor_id), "disposition": done.disposition}
            for done in found.steps
        ],
    }


async def verify(app: Adapters, case_id: UUID, progress: Any) -> Verified:
    """Check the file of a case by what is in the bucket alone. Raises CaseUnfiled when there is none."""
    keys = [key for key in await app.objects.keys(f"{FOLDER}{case_id.hex}/") if key.endswith(".json")]
    if not keys:
        raise CaseUnfiled
    found = Verified()
    if len(keys) > 1:
        found.wrong.append(f"{len(keys)} files say they are of this case")
    told = await _hashed(app, keys[0], found)
    rows = await _hashed(app, json.loads(told)["evidence"], found) if told is not None else None
    if told is None or rows is None:
        return found
    progress("the case file and its evidence have their hashes")
    case, table = json.loads(told), pq.read_table(pa.BufferReader(rows))
    _check_document(case, table, found)
    await _check_archive(app, case, table, found, progress)
    return found


def report(found: Verified) -> str:
    """Lines for a person."""
    lines = [f"{found.alerts:,} alerts, {found.payments:,} payments in {found.files:,} files of the archive"]
    if found.replaced:
        lines.append(f"{found.replaced:,} of the files were joined into others since; the rows stand there")
    return "\n".join([*lines, *found.wrong, "NOT what was written" if found.wrong else "verified"])


async def _hashed(app: Adapters, key: str, found: Verified) -> bytes | None:
    """The object, if its bytes have the hash that its name says."""
    try:
        body = await app.objects.get(key)
    except (ObjectMissing, ObjectDamaged):
        found.wrong.append(f"{key} is missing, or cannot be read whole")
        return None
    if key.rpartition("/")[2].partition(".")[0] == sha256(body):
        return body
    found.wrong.append(f"{key} does not have the hash in its name")
    return None


def _check_document(case: Mapping[str, Any], table: pa.Table, found: Verified) -> None:
    """That it adds up by itself: ids of alerts, payments, amounts, maker and checker."""
    if table.schema != EVIDENCE:
        found.wrong.append("the evidence does not have the columns of evidence")
        return
    rows = table.to_pylist()
    found.alerts, found.payments = len(case["alerts"]), len({row["tx_id"] for row in rows})
    borne_out = {UUID(bytes=row["alert_id"]) for row in rows}
    for alert in case["alerts"]:
        subject, window = (alert["subject_kind"], alert["subject"]), (alert["start_us"], alert["end_us"])
        named = rules.alert_id(alert["detector"], alert["version"], alert["parameters"], subject=subject, window=window)
        if ids.encode(ids.ALERT, named) != alert["id"]:
            found.wrong.append(f"{alert['id']} is not the id of what it says")
        if named not in borne_out:
            found.wrong.append(f"nothing bears out {alert['id']}")
    once = {row["tx_id"]: row["amount"] for row in rows}
    if (len(once), sum(once.values())) != (case["payments"], case["amount"]):
        found.wrong.append("the evidence does not come to the payments and the amount of the case")
    if case["maker"] is None or case["maker"] == case["checker"]:
        found.wrong.append("maker and checker are not two people")


async def _check_archive(
    app: Adapters, case: Mapping[str, Any], table: pa.Table, found: Verified, progress: Any
) -> None:
    """That each payment stands in the archive as the evidence says."""
    chain = await _chain(app, found)
    for sequence, digest in case["manifests"]:
        if sequence > len(chain) or chain[sequence - 1][1] != digest:
            found.wrong.append(f"manifest {sequence} is not the one this was found in")
    latest = max((sequence for sequence, _ in case["manifests"]), default=0)
    then = standing([manifest for manifest, _ in chain[:latest]])
    now = standing([manifest for manifest, _ in chain])
    for key in case["files"]:
        rows = {number(UUID(bytes=row["tx_id"])): _payment(row) for row in table.to_pylist() if row["file_key"] == key}
        file = then.get(key)
        if file is None:
            found.wrong.append(f"{key} is not in the archive's manifests")
            continue
        found.files += 1
        if key not in now:
            found.replaced += 1
        await _check_rows(app, rows, [now[key]] if key in now else _successors(now, file), found)
        progress(f"{found.files} of {len(case['files'])} files")


async def _check_rows(app: Adapters, rows: Mapping[int, Payment], files: Sequence[File], found: Verified) -> None:
    wanted = np.array(list(rows), np.int64)
    try:
        there = await evidence.payments(app, wanted, files=files)
    except (ObjectMissing, ObjectDamaged, ArchiveMismatch) as error:
        found.wrong.append(f"a file of the archive is missing or damaged: {error}")
        return
    for name, payment in rows.items():
        if name not in there or _same(there[name]) != _same(payment):
            found.wrong.append(f"{payment.tx_id} does not stand in the archive as the evidence says")


async def _chain(app: Adapters, found: Verified) -> list[tuple[Any, str]]:
    """Each manifest of the bucket with its hash, as far as the chain holds."""
    chain: list[tuple[Any, str]] = []
    last = Link()
    for key in await app.objects.keys(MANIFESTS):
        manifest = parse(await app.objects.get(key))
        if key != manifest_key(last.sequence + 1) or not follows(manifest, last):
            found.wrong.append(f"{key} does not follow manifest {last.sequence}")
            break
        last = link(manifest)
        chain.append((manifest, str(last.sha256)))
    return chain


def _successors(now: Mapping[str, File], file: File) -> list[File]:
    """The files that hold the days of one that is gone."""
    first, last = date.fromisoformat(file.min_day), date.fromisoformat(file.max_day)
    return catalog.of_days(list(now.values()), RISK, first, last)


def _parquet(found: Dossier) -> bytes:
    rows = [
        {
            "alert_id": alert.bytes,
            "tx_id": payment.tx_id.bytes,
            "kind": payment.kind,
            "at": payment.at,
            "sender_id": payment.sender_id.bytes,
            "recipient_id": payment.recipient_id.bytes if payment.recipient_id else None,
            "amount": payment.amount,
            "file_key": payment.file_key,
        }
        for alert, payment in found.payments
    ]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=EVIDENCE), sink, compression="zstd", version="2.6")
    return bytes(sink.getvalue())


def _payment(row: Mapping[str, Any]) -> Payment:
    recipient = row["recipient_id"]
    return Payment(
        UUID(bytes=row["tx_id"]),
        row["kind"],
        row["at"],
        UUID(bytes=row["sender_id"]),
        UUID(bytes=recipient) if recipient is not None else None,
        row["amount"],
        row["file_key"],
    )


def _same(payment: Payment) -> tuple[Any, ...]:
    """What of a payment does not change when files are joined."""
    return payment.tx_id, payment.kind, payment.at, payment.sender_id, payment.recipient_id, payment.amount


def _alert(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("detector", "version", "parameters", "subject", "subject_kind", "start_us", "end_us", "score", "amount")
    return {"id": ids.encode(ids.ALERT, row["id"])} | {name: row[name] for name in names}


def _user(account: UUID | None) -> str | None:
    return ids.encode(ids.USER, account) if account is not None else None
