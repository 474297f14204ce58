"""Which files belong to the archive after the manifests that a snapshot of Postgres names."""

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Any

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.s3 import ObjectDamaged, ObjectMissing
from venmo_api.archive import rules
from venmo_api.archive.rules import ArchiveMismatch, File, Manifest

KNOWN_MOST = 20_000
AT_ONCE = 64
_known: dict[str, Manifest] = {}
"""Manifests by the hash of their bytes, which never change: each is fetched once a process."""


async def standing(app: Adapters, manifests: Sequence[Any]) -> list[File]:
    """The files that stand after these manifests, rows of Postgres. Raises ArchiveMismatch, Unavailable."""
    return list(rules.standing(await listed(app, manifests)).values())


async def listed(app: Adapters, manifests: Sequence[Any]) -> list[Manifest]:
    """What these rows of Postgres name. Raises ArchiveMismatch, Unavailable."""
    found: list[Manifest] = []
    for start in range(0, len(manifests), AT_ONCE):  # years of manifests one after the other are longer than a request
        found += await asyncio.gather(*(_manifest(app, row) for row in manifests[start : start + AT_ONCE]))
    return found


def of_days(files: Sequence[File], shelf: str, first: date, last: date) -> list[File]:
    """Those with rows of these days, the oldest first."""
    found = [
        file
        for file in files
        if rules.shelf_of(file.key) == shelf and file.min_day <= str(last) and file.max_day >= str(first)
    ]
    return sorted(found, key=lambda file: (file.min_day, file.max_day, file.key))


async def _manifest(app: Adapters, row: Any) -> Manifest:
    if row.sha256 in _known:
        return _known[row.sha256]
    try:
        body = await app.objects.get(row.key)
    except (ObjectMissing, ObjectDamaged) as error:
        raise ArchiveMismatch(f"{row.key} is missing, or cannot be read whole.") from error
    if rules.sha256(body) != row.sha256:
        raise ArchiveMismatch(f"{row.key} is not the manifest Postgres knows.")
    if len(_known) >= KNOWN_MOST:
        _known.clear()
    _known[row.sha256] = rules.parse(body)
    return _known[row.sha256]
