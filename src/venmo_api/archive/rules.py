"""What a manifest is: its names, its canonical bytes, its chain of hashes. Pure."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from venmo_api.core.clock import rfc3339
from venmo_api.core.errors import AppError, Kind

FORMAT = 1
CHUNK_MOST = 50_000
"""The most ledger transactions, or events, one manifest moves."""
MANIFESTS = "manifest/"
LEDGER = "ledger"
EVENTS = "events"
AUDIT = "audit"


class ArchiveMismatch(AppError):
    """S3, Postgres and the manifests do not say the same. Nothing was deleted; a person must look."""

    kind = Kind.CONFLICT
    code = "archive_mismatch"
    title = "The archive and the database disagree"


@dataclass(frozen=True, slots=True)
class File:
    """One Parquet object: ``rows`` rows of the UTC days ``min_day`` to ``max_day``."""

    key: str
    sha256: str
    bytes: int
    rows: int
    min_day: str
    max_day: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one step of the archive moved. ``previous`` is the SHA-256 of the manifest before; None for the first.
    ``moved_cents`` is the sum of the positive amounts among the entries."""

    sequence: int
    previous: str | None
    files: tuple[File, ...]
    transactions: int
    entries: int
    events: int
    moved_cents: int
    created_at: str
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Link:
    """The end of a chain: what the next manifest follows."""

    sequence: int = 0
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """What some files hold. Amounts in cents."""

    transactions: int = 0
    entries: int = 0
    events: int = 0
    moved_cents: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Counts)))


@dataclass(frozen=True, slots=True)
class Archived:
    """What a run moved. ``busy``: nothing, because another archiver is at it."""

    manifests: int = 0
    transactions: int = 0
    entries: int = 0
    events: int = 0
    audit_entries: int = 0
    busy: bool = False

    def and_manifest(self, moved: Manifest) -> "Archived":
        return Archived(
            self.manifests + 1,
            self.transactions + moved.transactions,
            self.entries + moved.entries,
            self.events + moved.events,
            self.audit_entries + audit_entries(moved),
        )


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def manifest_key(sequence: int) -> str:
    return f"{MANIFESTS}{sequence:08d}.json"


def file_key(shelf: str, day: str, digest: str) -> str:
    """Where the rows of one UTC day go: a name that is the hash of the content."""
    return f"{shelf}/v1/dt={day}/{digest}.parquet"


def next_manifest(last: Link, files: Iterable[File], counts: Counts, *, at: datetime) -> Manifest:
    return Manifest(
        sequence=last.sequence + 1,
        previous=last.sha256,
        files=tuple(sorted(files, key=lambda file: file.key)),
        transactions=counts.transactions,
        entries=counts.entries,
        events=counts.events,
        moved_cents=counts.moved_cents,
        created_at=rfc3339(at),
    )


def counts_of(manifest: Manifest) -> Counts:
    return Counts(manifest.transactions, manifest.entries, manifest.events, manifest.moved_cents)


def audit_entries(manifest: Manifest) -> int:
    """How many entries of the audit trail it moved: its files say so, and what it counts is of the ledger."""
    return sum(file.rows for file in manifest.files if is_audit(file))


def is_audit(file: File) -> bool:
    return file.key.startswith(f"{AUDIT}/")


def link(manifest: Manifest) -> Link:
    """The end of the chain once ``manifest`` belongs to it."""
    return Link(manifest.sequence, sha256(canonical(manifest)))


def follows(manifest: Manifest, last: Link) -> bool:
    return manifest.sequence == last.sequence + 1 and manifest.previous == last.sha256


def canonical(manifest: Manifest) -> bytes:
    """The one spelling of a manifest: sorted keys, no spaces, ASCII."""
    return json.dumps(asdict(manifest), sort_keys=True, separators=(",", ":")).encode()


def parse(body: bytes) -> Manifest:
    """The manifest spelled by ``body``. Raises ArchiveMismatch for anything ``canonical`` would not have written."""
    try:
        document: dict[str, Any] = json.loads(body)
        manifest = Manifest(**{**document, "files": tuple(File(**file) for file in document["files"])})
        if manifest.format == FORMAT and canonical(manifest) == body:
            return manifest
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    raise ArchiveMismatch("A manifest in S3 is not one this service wrote.")
