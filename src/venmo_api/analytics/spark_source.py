"""Inputs for Spark, read through Arrow where no connector of a store is installed. Spark imports this in processes of
its own, many times: so nothing here needs much."""

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition

from venmo_api.analytics.inputs import SCHEMAS, Span, batches

FORMAT = "venmo_inputs"
_TYPES = {pa.int64(): "bigint", pa.string(): "string"}


class FlatInputs(DataSource):
    """Files of one input: option ``parts`` (JSON) lists those of each partition, ``name`` says which input."""

    @classmethod
    def name(cls) -> str:
        return FORMAT

    def schema(self) -> str:
        return ", ".join(f"{field.name} {_TYPES[field.type]}" for field in SCHEMAS[self.options["name"]])

    def reader(self, schema: Any) -> DataSourceReader:
        span = Span(int(self.options["first_us"]), int(self.options["end_us"]))
        return FilesReader(json.loads(self.options["parts"]), self.options["name"], span)


class FilesReader(DataSourceReader):
    def __init__(self, parts: list[list[str]], name: str, span: Span) -> None:
        self.parts, self.name, self.span = parts, name, span

    def partitions(self) -> list[InputPartition]:
        return [InputPartition(files) for files in self.parts]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        yield from batches(ds.dataset(partition.value, schema=SCHEMAS[self.name]), self.span)
