"""Rows that leave Postgres as whole columns: one run of bytes a column instead of one Python object a value."""

from array import array
from sys import byteorder
from typing import Any

import pyarrow as pa

UUID_BYTES = 16
ID = pa.binary(UUID_BYTES)
CENTS = pa.int64()
MOMENT = pa.timestamp("us", tz="UTC")


def aggregated(schema: pa.Schema) -> str:
    """The SELECT list that gathers the columns of ``schema``, which name columns of the rows, none of them null."""
    return ", ".join(_aggregate(field) for field in schema)


def _aggregate(field: pa.Field) -> str:
    name = field.name
    if field.type == ID:
        return f"string_agg(uuid_send({name}), ''::bytea) AS {name}"
    if field.type == MOMENT:
        return f"string_agg(int8send((extract(epoch FROM {name}) * 1000000)::bigint), ''::bytea) AS {name}"
    if field.type == CENTS:
        return f"string_agg(int8send({name}), ''::bytea) AS {name}"
    return f"array_agg({name}) AS {name}"


def table(schema: pa.Schema, row: Any) -> pa.Table:
    """The table of what ``aggregated`` gathered in ``row``; empty when it found no rows."""
    values = row._mapping
    return pa.table([_column(field.type, values[field.name]) for field in schema], schema=schema)


def _column(type_: pa.DataType, value: Any) -> pa.Array:
    if value is None:
        return pa.array([], type_)
    if type_ == pa.string():
        return pa.array(value, type_)
    if type_ == ID:
        return ids(value)
    numbers = array("q", value)
    if byteorder == "little":  # Postgres sends the most significant byte first
        numbers.byteswap()
    return pa.Array.from_buffers(type_, len(numbers), [None, pa.py_buffer(numbers)])


def ids(joined: bytes) -> pa.Array:
    """Ids from their bytes, one after another."""
    return pa.Array.from_buffers(ID, len(joined) // UUID_BYTES, [None, pa.py_buffer(joined)])
