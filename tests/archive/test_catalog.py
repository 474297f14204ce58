"""Which files belong to the archive is known soon, also to a process that has just started."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any, cast

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.system import SystemClock
from venmo_api.archive import catalog, rules
from venmo_api.archive.rules import Counts, Link, Manifest

SLOW_SECONDS = 0.02


class Slow:
    """An S3 of manifests that takes its time for each."""

    def __init__(self, manifests: list[Manifest]) -> None:
        self._bodies = {rules.manifest_key(one.sequence): rules.canonical(one) for one in manifests}

    async def get(self, key: str) -> bytes:
        await asyncio.sleep(SLOW_SECONDS)
        return self._bodies[key]


async def test_manifests_of_years_are_fetched_together_and_each_once() -> None:
    last, manifests = Link(), []
    for _ in range(300):
        manifests.append(rules.next_manifest(last, (), Counts(), at=SystemClock().now()))
        last = rules.link(manifests[-1])
    rows: Any = [
        SimpleNamespace(key=rules.manifest_key(one.sequence), sha256=rules.link(one).sha256) for one in manifests
    ]
    app = cast("Adapters", SimpleNamespace(objects=Slow(manifests)))
    began = time.monotonic()
    assert await catalog.listed(app, rows) == manifests
    assert time.monotonic() - began < SLOW_SECONDS * len(manifests) / 3
    nobody = cast("Adapters", SimpleNamespace(objects=Slow([])))
    assert await catalog.listed(nobody, rows) == manifests
