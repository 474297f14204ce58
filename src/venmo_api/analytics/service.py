"""The detections over the archive: all of it, or what came since the last run; what they find becomes alerts."""

import json
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
from anyio.to_thread import run_sync

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.s3 import ObjectExists
from venmo_api.analytics import engines, evidence, shelves
from venmo_api.analytics.engines import Engine, Progress, Told
from venmo_api.analytics.inputs import ALWAYS, Inputs, Span, read
from venmo_api.analytics.rules import Raised
from venmo_api.analytics.typologies import TYPOLOGIES

RUNS = "detections/"
Open = Callable[[Inputs, Span], AbstractContextManager[Engine]]


class EngineName(StrEnum):
    DUCKDB = "duckdb"
    SPARK = "spark"
    POSTGRES = "postgres"


@dataclass(frozen=True, slots=True)
class Run:
    """What a run left: what it judged anew, what it found there, and what of that became alerts."""

    span: Span
    told: Told
    raised: Raised


def opener(name: EngineName) -> Callable[[str], Open]:
    """What opens an engine, given the URL of the database. Raises ImportError where the engine is not installed."""
    if name is EngineName.SPARK:
        from venmo_api.analytics.spark import spark  # noqa: PLC0415 - an extra of its own, half a gigabyte

        return lambda _: spark
    if name is EngineName.POSTGRES:
        return lambda url: partial(engines.postgres, url=url)
    return lambda _: engines.duckdb


async def run(app: Adapters, open_engine: Open, *, progress: Progress, whole: bool = False) -> Run:
    """Judge what the archive has from the last day the run before has seen, or all there is (``whole``, and whenever a
    typology is of another version than then). What was found before is not found again; a run that is cut off is
    begun again by the next.

    Raises ArchiveMismatch, DecisionsCold, Unavailable.
    """
    known = await shelves.archive(app)
    span = ALWAYS if whole else await _since(app)
    with tempfile.TemporaryDirectory(prefix="venmo-detections-") as folder:
        loaded = await shelves.load(app, known, Path(folder), span, progress)
        told = await run_sync(_judge, open_engine, loaded, span, progress)
    raised = Raised()
    if told.findings.num_rows:
        raised = await evidence.keep(app, told.findings, told.evidence, manifests=known.manifests, progress=progress)
    if known.last_day is not None:
        await _note(app, known.manifests[-1].sequence, known.last_day)
    return Run(span, told, raised)


def judge(open_engine: Open, folder: Path, *, progress: Progress) -> Told:
    """What the detections find in the flat inputs of a folder. Blocks for as long as it takes."""
    return _judge(open_engine, read(folder), ALWAYS, progress)


def write(told: Told, folder: Path) -> None:
    """As ``findings.parquet`` and ``evidence.parquet``."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(told.findings, folder / "findings.parquet")
    pq.write_table(told.evidence, folder / "evidence.parquet")


def _judge(open_engine: Open, loaded: Inputs, span: Span, progress: Progress) -> Told:
    with open_engine(loaded, span) as engine:
        return engines.run(engine, span, progress)


async def _since(app: Adapters) -> Span:
    """From the last day that was judged, which may not have been over."""
    runs = await app.objects.keys(RUNS)
    if not runs:
        return ALWAYS
    noted = json.loads(await app.objects.get(runs[-1]))
    if noted["versions"] != _versions():
        return ALWAYS
    return Span(first_us=_us(date.fromisoformat(noted["last_day"])))


async def _note(app: Adapters, sequence: int, last_day: date) -> None:
    """One object a manifest and set of versions: two runs over the same say the same."""
    document = {"last_day": str(last_day), "manifest": sequence, "versions": _versions()}
    key = f"{RUNS}{sequence:08d}-{'.'.join(str(each.version) for each in TYPOLOGIES)}.json"
    body = json.dumps(document, sort_keys=True).encode()
    with suppress(ObjectExists):
        await app.objects.put_new(key, body, content_type="application/json")


def _versions() -> dict[str, int]:
    return {each.name: each.version for each in TYPOLOGIES}


def _us(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000
