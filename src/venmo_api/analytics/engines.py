"""Where the detections run: DuckDB in bounded memory, Postgres in temporary tables, Spark; one suite for all."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ibis
import psycopg
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.dataset as ds
from ibis import Table
from ibis.backends import BaseBackend

from venmo_api.analytics import detections
from venmo_api.analytics.detections import FINDING, Tables
from venmo_api.analytics.inputs import ALWAYS, SCHEMAS, Inputs, Span, batches
from venmo_api.analytics.typologies import TYPOLOGIES, Typology

MEMORY = "900MB"
Progress = Callable[[str], None]
FINDINGS = pa.schema(
    [("detector", pa.string())]
    + [(name, pa.int64()) for name in (*FINDING[1:], "from_us", "to_us", "payments", "amount", "score")]
)
EVIDENCE = pa.schema(
    [("detector", pa.string())] + [(name, pa.int64()) for name in (*FINDING[1:4], "tx_id", "us", "amount")]
)


@dataclass(frozen=True, slots=True)
class Engine:
    """A connection whose ``tables`` are the inputs. ``keep`` works an expression out and holds what came of it."""

    connection: BaseBackend
    tables: Tables
    keep: Callable[[str, Table], Table]


@dataclass(frozen=True, slots=True)
class Told:
    """What a run found: the rows of ``FINDINGS``, and of ``EVIDENCE``, each in the order of its columns."""

    findings: pa.Table
    evidence: pa.Table


def run(engine: Engine, span: Span, progress: Progress, typologies: Sequence[Typology] = TYPOLOGIES) -> Told:
    """Each typology's findings in the days of ``span``, and the payments they rest on."""
    tables = dict(engine.tables)
    for name, expression in detections.staged(tables["payments"]).items():
        tables[name] = engine.keep(name, expression)
    findings, evidence = [], []
    for typology in typologies:
        found = detections.DETECTIONS[typology.name](tables)
        told = engine.keep(f"told_{typology.name}", detections.findings(typology, found, first_us=span.first_us))
        findings.append(_fetched(engine, told, FINDINGS))
        if findings[-1].num_rows:
            evidence.append(_fetched(engine, detections.evidence(found, told), EVIDENCE))
        progress(f"{typology.name}: {findings[-1].num_rows:,} findings")
    return Told(_joined(findings, FINDINGS), _joined(evidence, EVIDENCE))


@contextmanager
def duckdb(inputs: Inputs, span: Span = ALWAYS, *, memory: str = MEMORY, threads: int = 2) -> Iterator[Engine]:
    """Within ``memory``; what does not fit goes to a temporary folder, which is gone afterwards."""
    with TemporaryDirectory(prefix="venmo-analytics-") as folder:
        connection = ibis.duckdb.connect(
            Path(folder) / "inputs.duckdb",
            memory_limit=memory,
            threads=threads,
            temp_directory=folder,
            preserve_insertion_order=False,
            autoinstall_known_extensions=False,  # nothing is downloaded
        )
        try:
            for name, schema in SCHEMAS.items():
                source = _duckdb_source(connection, name, getattr(inputs, name))
                where = f"WHERE us >= {span.read_us} AND us < {span.end_us}" if "us" in schema.names else ""
                columns = ", ".join(schema.names)
                connection.raw_sql(f"CREATE TABLE {name} AS SELECT {columns} FROM {source} {where}")  # noqa: S608
            yield Engine(connection, _tables(connection, SCHEMAS), _keeping(connection))
        finally:
            connection.disconnect()


@contextmanager
def postgres(inputs: Inputs, span: Span = ALWAYS, *, url: str) -> Iterator[Engine]:
    """In temporary tables of one session: nothing of it is seen by others, and nothing stays."""
    with psycopg.connect(re.sub(r"^postgresql\+\w+:", "postgresql:", url), autocommit=True) as session:
        session.execute("SET TimeZone = 'UTC'")
        session.execute("SET client_min_messages = error")
        connection = ibis.postgres.from_connection(session)
        for name, schema in SCHEMAS.items():
            connection.create_table(name, schema=ibis.schema(schema), temp=True)
            with session.cursor() as cursor, cursor.copy(f"COPY pg_temp.{name} FROM STDIN (FORMAT csv)") as copy:
                for batch in batches(getattr(inputs, name), span):
                    copy.write(_csv(batch))
            session.execute(f"ANALYZE pg_temp.{name}")
        yield Engine(connection, _tables(connection, SCHEMAS), _keeping(connection))


def sql(typology: Typology, dialect: str) -> str:
    """The statement of one typology for an engine that is elsewhere, over tables named as the inputs are."""
    tables = {name: ibis.table(ibis.schema(schema), name=name) for name, schema in SCHEMAS.items()}
    found = detections.DETECTIONS[typology.name](tables | detections.staged(tables["payments"]))
    return str(ibis.to_sql(detections.findings(typology, found), dialect=dialect, pretty=True))


def _duckdb_source(connection: Any, name: str, inputs: ds.Dataset) -> str:
    """Files are read by DuckDB itself; anything else through Arrow."""
    if isinstance(inputs, ds.FileSystemDataset) and inputs.files:
        return "read_parquet([" + ", ".join("'" + file.replace("'", "''") + "'" for file in inputs.files) + "])"
    connection.con.register(f"{name}_of_arrow", inputs)
    return f"{name}_of_arrow"


def _tables(connection: BaseBackend, names: Any) -> dict[str, Table]:
    return {name: connection.table(name) for name in names}


def _keeping(connection: BaseBackend) -> Callable[[str, Table], Table]:
    return lambda name, expression: connection.create_table(name, expression, temp=True)


def _csv(batch: pa.RecordBatch) -> bytes:
    sink = BytesIO()
    pacsv.write_csv(batch, sink, pacsv.WriteOptions(include_header=False))
    return sink.getvalue()


def _fetched(engine: Engine, expression: Table, schema: pa.Schema) -> pa.Table:
    return engine.connection.to_pyarrow(expression).select(schema.names).cast(schema)


def _joined(tables: Sequence[pa.Table], schema: pa.Schema) -> pa.Table:
    """In one order, whatever the engine's."""
    found = pa.concat_tables([schema.empty_table(), *tables]).combine_chunks()
    return found.sort_by([(name, "ascending") for name in schema.names])
