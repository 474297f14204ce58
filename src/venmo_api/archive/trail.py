"""The proof of the audit trail: over Postgres and S3 together, no entry was changed, removed or put in behind its back.

The chain stays in Postgres; what it chains may stand in either tier. Whoever can write everything could write the whole
chain anew: a head that was kept elsewhere tells, and what is archived does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.postgres import Transaction
from venmo_api.adapters.s3 import ObjectDamaged, ObjectMissing
from venmo_api.archive import rules, service, snapshot
from venmo_api.archive.rules import ArchiveMismatch, File, Manifest
from venmo_api.audit import queries as audit
from venmo_api.audit.rules import Link, follow

AT_ONCE = 5_000
LAST = 2**63
"""Where breaks are told that have no place in the chain."""


@dataclass(slots=True)
class Trail:
    """What was found. ``waiting`` entries were noted and have no place yet."""

    links: dict[int, Link] = field(default_factory=dict)
    places: dict[UUID, int] = field(default_factory=dict)
    seen: set[UUID] = field(default_factory=set)
    waiting: int = 0
    breaks: list[tuple[int, str]] = field(default_factory=list)

    @property
    def head(self) -> Link:
        return self.links[max(self.links)] if self.links else Link()

    @property
    def first_break(self) -> str | None:
        """None: the trail is whole."""
        return min(self.breaks)[1] if self.breaks else None

    def add(self, entry_id: UUID, document: str, *, waits: bool = False, told: Link | None = None) -> None:
        """One entry of either tier; ``told`` is the place that the archive says it has."""
        place = self.places.get(entry_id)
        if place is None:
            self.waiting += waits
            if not waits:
                self.breaks.append((told.position if told else LAST, f"entry {entry_id} was put in: nothing chains it"))
            return
        if entry_id in self.seen:
            self.breaks.append((place, f"the entry at place {place} stands there twice"))
        self.seen.add(entry_id)
        before = Link() if place == 1 else self.links.get(place - 1)
        if told is not None and told != self.links[place]:
            self.breaks.append((place, f"place {place} was written anew: the archive holds another hash"))
        elif before is not None and follow(before, document) != self.links[place]:
            self.breaks.append((place, f"the entry at place {place}, or its hash, was changed"))

    def close(self, kept: Link | None) -> None:
        """After every entry was added: what is not there, and whether ``kept`` is a hash of this chain."""
        last = self.head.position
        if gap := next((place for place in range(1, last + 1) if place not in self.links), None):
            self.breaks.append((gap, f"the chain is cut: nothing is at place {gap} of {last}"))
        for entry_id, place in self.places.items():
            if entry_id not in self.seen:
                self.breaks.append((place, f"the entry at place {place} was removed"))
        if kept is not None and kept.position > last:
            self.breaks.append((last + 1, f"the chain is cut: it ends at place {last}, and went to {kept.position}"))
        elif kept is not None and self.links.get(kept.position, kept) != kept:
            self.breaks.append((kept.position, f"place {kept.position} was written anew: it had another hash"))


async def verify(app: Adapters, *, kept: Link | None = None) -> Trail:
    """Check the whole trail against its chain, and the chain against a head that was ``kept``. Raises Unavailable."""
    trail = Trail()
    manifests = await app.database.read(_read, trail)
    for file in await _files(app, manifests, trail):
        try:
            table = await service.fetch(app, file)
        except (ArchiveMismatch, ObjectMissing, ObjectDamaged):
            trail.breaks.append((0, f"{file.key} is missing, or does not have the bytes that were archived"))
            continue
        for row in table.to_pylist():
            told = Link(row["position"], bytes.fromhex(row["hash"]))
            trail.add(UUID(bytes=row["id"]), row["document"], told=told)
    trail.close(kept)
    return trail


def report(trail: Trail) -> str:
    """What was found as text that a person reads, with the head that may be kept elsewhere."""
    verdict = f"BROKEN: {trail.first_break}" if trail.first_break else "PASSED"
    head = f"head {trail.head.position}:{trail.head.hash.hex()}"
    return f"{len(trail.links):,} entries are chained, {trail.waiting:,} wait for their place\n{head}\n{verdict}"


async def _read(tx: Transaction, trail: Trail) -> Sequence[Any]:
    """The chain and what Postgres holds of the entries, as of one moment; and the manifests of that moment."""
    await snapshot.begin(tx, "audit_log")
    after = 0
    while rows := await audit.links(tx, after=after, most=AT_ONCE):
        for position, entry_id, digest in rows:
            trail.links[position] = Link(position, digest)
            trail.places[entry_id] = position
        after = rows[-1].position
    last = UUID(int=0)
    while rows := await audit.documents(tx, after=last, most=AT_ONCE):
        for row in rows:
            trail.add(row.id, row.document, waits=row.waits)
        last = rows[-1].id
    return await snapshot.manifests(tx)


async def _files(app: Adapters, manifests: Sequence[Any], trail: Trail) -> list[File]:
    """The files of the trail that stand after these manifests; after those that can be read, if some cannot."""
    found: list[Manifest] = []
    for row in manifests:
        try:
            body = await app.objects.get(row.key)
            if rules.sha256(body) != row.sha256:
                raise ArchiveMismatch(f"{row.key} is not the manifest Postgres knows")
            found.append(rules.parse(body))
        except (ArchiveMismatch, ObjectMissing, ObjectDamaged):
            trail.breaks.append((0, f"{row.key} is missing, or is not the manifest that Postgres knows"))
    gone = {key for manifest in found for key in manifest.removed}
    return [file for manifest in found for file in manifest.files if rules.is_audit(file) and file.key not in gone]
