"""What a manifest is: its names, its canonical bytes, its chain of hashes; which files stand after it. Pure."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from venmo_api.core.clock import rfc3339
from venmo_api.core.errors import AppError, Kind, NotFound

FORMAT = 2
OLD_FORMAT = 1
"""Of manifests made before history was partitioned: they name no partition and remove no files."""
KEPT = timedelta(days=2557)
"""Seven years: how long nobody can change or remove a manifest, an audit root or a case file, where S3 can lock."""
MANIFESTS = "manifest/"
LEDGER = "ledger"
EVENTS = "events"
AUDIT = "audit"
ACCESS = "access"
RISK = "risk"
SHELVES = (LEDGER, EVENTS, AUDIT, ACCESS, RISK)
"""Each holds the rows of the group of tables of the same name."""


class ArchiveMismatch(AppError):
    """S3, Postgres and the manifests do not say the same. Nothing was deleted; a person must look."""

    kind = Kind.CONFLICT
    code = "archive_mismatch"
    title = "The archive and the database disagree"


class PartitionTooLarge(AppError):
    kind = Kind.CONFLICT
    code = "partition_too_large"
    title = "The open day is too large to be cut"

    def __init__(self, group: str) -> None:
        super().__init__(
            f"Payments would wait too long while the open day of {group} is cut in two; say a moment before midnight "
            "(UTC) of today instead, or wait for the day to end. If days were not cut ahead for weeks, "
            f"`venmo-api archive cut {group}` does it in a quiet hour."
        )


class InvalidHold(AppError):
    kind = Kind.INVALID
    code = "invalid_hold"
    title = "No such legal hold can be placed"


class NoSuchHold(NotFound):
    code = "no_such_hold"
    title = "No such legal hold"

    def __init__(self) -> None:
        super().__init__("There is no legal hold with this id, or it was released; `archive holds` lists them.")


class Change(StrEnum):
    """What a manifest did: a partition moved here, files became fewer, files went because their time was over."""

    MOVE = "move"
    COMPACTION = "compaction"
    EXPIRY = "expiry"


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
class Span:
    """The partition that moved: rows of ``lower`` <= time < ``upper``. ``digest`` is the SHA-256 of its rows as
    Postgres hands them out, table by table, in the order they lie there."""

    group: str
    lower: str | None
    upper: str
    digest: str


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
class Manifest:
    """One step of the archive. ``previous`` is the SHA-256 of the manifest before; None for the first. ``files`` are
    those it adds, ``removed`` the keys of those that belong to the archive no more; what it counts it moved here from
    Postgres. ``moved_cents`` is the sum of the positive amounts among the entries."""

    sequence: int
    previous: str | None
    files: tuple[File, ...]
    transactions: int
    entries: int
    events: int
    moved_cents: int
    created_at: str
    change: Change = Change.MOVE
    partition: Span | None = None
    removed: tuple[str, ...] = ()
    format: int = FORMAT


_ONLY_NEW = ("change", "partition", "removed")


@dataclass(frozen=True, slots=True)
class Link:
    """The end of a chain: what the next manifest follows."""

    sequence: int = 0
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold: nobody may remove what it names. None is all: every shelf, every day, everybody."""

    id: UUID
    shelf: str | None
    first_day: date | None
    last_day: date | None
    subject_id: UUID | None
    reason: str
    placed_at: datetime

    def covers(self, file: File) -> bool:
        """Whether ``file`` may have rows it names. Of one person that is every file: which are theirs is not known
        by its name."""
        return (
            self.shelf in {None, shelf_of(file.key)}
            and (self.last_day is None or file.min_day <= str(self.last_day))
            and (self.first_day is None or file.max_day >= str(self.first_day))
        )


def require_hold(*, reason: str, shelf: str | None, first_day: date | None, last_day: date | None) -> None:
    """Raises InvalidHold."""
    if not re.fullmatch(r"[A-Za-z0-9._/-]{1,40}", reason):
        raise InvalidHold("Give as reason the number of a file, such as 2026-CV-1234: no text about anybody.")
    if shelf is not None and shelf not in SHELVES:
        raise InvalidHold(f"There is no shelf of that name; there are {', '.join(SHELVES)}.")
    if first_day is not None and last_day is not None and first_day > last_day:
        raise InvalidHold("The first day must not be after the last.")


@dataclass(frozen=True, slots=True)
class Archived:
    """What a run moved: ``rows`` by shelf. ``waiting`` says of which partitions it could not move, and why. ``busy``:
    nothing, because another archiver is at it."""

    manifests: int = 0
    transactions: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    busy: bool = False

    def and_manifest(self, moved: Manifest) -> "Archived":
        rows = Counter(self.rows) + Counter(shelf_rows(moved.files))
        return Archived(self.manifests + 1, self.transactions + moved.transactions, dict(rows), self.waiting)

    def and_waiting(self, why: str) -> "Archived":
        return Archived(self.manifests, self.transactions, self.rows, (*self.waiting, why))

    @property
    def entries(self) -> int:
        return self.rows.get(LEDGER, 0)

    @property
    def events(self) -> int:
        return self.rows.get(EVENTS, 0)

    @property
    def audit_entries(self) -> int:
        return self.rows.get(AUDIT, 0)


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def manifest_key(sequence: int) -> str:
    return f"{MANIFESTS}{sequence:08d}.json"


def file_key(shelf: str, day: str, digest: str) -> str:
    """Where the rows of one UTC day (or of several, by the first) go: a name that is the hash of the content."""
    return f"{shelf}/v1/dt={day}/{digest}.parquet"


def shelf_of(key: str) -> str:
    return key.partition("/")[0]


def shelf_rows(files: Iterable[File]) -> dict[str, int]:
    """How many rows on each shelf."""
    found: Counter[str] = Counter()
    for file in files:
        found[shelf_of(file.key)] += file.rows
    return dict(found)


def next_manifest(
    last: Link,
    files: Iterable[File],
    counts: Counts,
    *,
    at: datetime,
    change: Change = Change.MOVE,
    partition: Span | None = None,
    removed: Iterable[str] = (),
) -> Manifest:
    return Manifest(
        sequence=last.sequence + 1,
        previous=last.sha256,
        files=tuple(sorted(files, key=lambda file: file.key)),
        transactions=counts.transactions,
        entries=counts.entries,
        events=counts.events,
        moved_cents=counts.moved_cents,
        created_at=rfc3339(at),
        change=change,
        partition=partition,
        removed=tuple(sorted(removed)),
    )


def standing(manifests: Iterable[Manifest]) -> dict[str, File]:
    """The files that belong to the archive after the last of ``manifests``, which are all from the first on, by key.

    Raises ArchiveMismatch when one adds what is there or removes what is not.
    """
    found: dict[str, File] = {}
    for manifest in manifests:
        for key in manifest.removed:
            if found.pop(key, None) is None:
                raise ArchiveMismatch(f"Manifest {manifest.sequence} removes {key}, which is not there.")
        for file in manifest.files:
            if file.key in found:
                raise ArchiveMismatch(f"Manifest {manifest.sequence} adds {file.key}, which is there.")
            found[file.key] = file
    return found


def counts_of(manifest: Manifest) -> Counts:
    return Counts(manifest.transactions, manifest.entries, manifest.events, manifest.moved_cents)


def audit_entries(manifest: Manifest) -> int:
    """How many entries of the audit trail it moved: its files say so, and what it counts is of the ledger."""
    return sum(file.rows for file in manifest.files if is_audit(file))


def is_audit(file: File) -> bool:
    return shelf_of(file.key) == AUDIT


def link(manifest: Manifest) -> Link:
    """The end of the chain once ``manifest`` belongs to it."""
    return Link(manifest.sequence, sha256(canonical(manifest)))


def follows(manifest: Manifest, last: Link) -> bool:
    return manifest.sequence == last.sequence + 1 and manifest.previous == last.sha256


def canonical(manifest: Manifest) -> bytes:
    """The one spelling of a manifest: sorted keys, no spaces, ASCII."""
    document = asdict(manifest)
    if manifest.format == OLD_FORMAT:
        document = {name: value for name, value in document.items() if name not in _ONLY_NEW}
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def parse(body: bytes) -> Manifest:
    """The manifest spelled by ``body``. Raises ArchiveMismatch for anything ``canonical`` would not have written."""
    try:
        document: dict[str, Any] = json.loads(body)
        files = tuple(File(**file) for file in document.pop("files"))
        partition = Span(**document["partition"]) if document.get("partition") else None
        more = {"partition": partition, "removed": tuple(document.get("removed", ()))}
        change = Change(document.get("change", Change.MOVE))
        manifest = Manifest(**{**document, **more, "files": files, "change": change})
        if manifest.format in {OLD_FORMAT, FORMAT} and canonical(manifest) == body:
            return manifest
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    raise ArchiveMismatch("A manifest in S3 is not one this service wrote.")
