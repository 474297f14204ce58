"""The detections on Spark, in a session of its own."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ibis
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from venmo_api.analytics.engines import Engine
from venmo_api.analytics.inputs import ALWAYS, SCHEMAS, Inputs, Span
from venmo_api.analytics.spark_source import FORMAT, FlatInputs

PARTS = 4
"""Tasks of a step. Each costs Spark more than a day's rows do."""


@contextmanager
def spark(inputs: Inputs, span: Span = ALWAYS, *, threads: int = 2) -> Iterator[Engine]:
    """A local session. On a cluster the same expressions run in the session that is there."""
    with TemporaryDirectory(prefix="venmo-spark-") as folder:
        session = _session(threads, folder)
        try:
            session.dataSource.register(FlatInputs)
            for name in SCHEMAS:
                files = _files(name, getattr(inputs, name), Path(folder))
                _register(session, name, [part for at in range(PARTS) if (part := files[at::PARTS])], span)
            connection = ibis.pyspark.connect(session)

            def keep(name: str, expression: Any) -> Any:
                session.sql(ibis.to_sql(expression, dialect="pyspark")).cache().createOrReplaceTempView(name)
                return connection.table(name)

            yield Engine(connection, {name: connection.table(name) for name in SCHEMAS}, keep)
        finally:
            session.stop()


def _session(threads: int, folder: str) -> SparkSession:
    os.environ["PYSPARK_PYTHON"] = sys.executable  # Spark starts others for the inputs: with what is installed here
    builder = SparkSession.builder.master(f"local[{threads}]").appName("venmo analytics")
    for key, value in {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": folder,
        "spark.sql.warehouse.dir": folder,
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(PARTS),
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.adaptive.coalescePartitions.enabled": "true",
    }.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def _register(session: SparkSession, name: str, parts: list[list[str]], span: Span) -> None:
    options = {"name": name, "parts": json.dumps(parts), "first_us": str(span.first_us), "end_us": str(span.end_us)}
    session.read.format(FORMAT).options(**options).load().cache().createOrReplaceTempView(name)


def _files(name: str, inputs: ds.Dataset, folder: Path) -> list[str]:
    if isinstance(inputs, ds.FileSystemDataset) and inputs.files:
        return list(inputs.files)
    pq.write_table(inputs.to_table(), folder / f"{name}.parquet")
    return [str(folder / f"{name}.parquet")]
