"""Rows that leave Postgres as whole columns, one run of bytes a column instead of one Python object a value; and what
events say, out of their JSON, as columns too."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json as arrow_json

UUID_BYTES = 16
ID = pa.binary(UUID_BYTES)
CENTS = pa.int64()
MOMENT = pa.timestamp("us", tz="UTC")
_SINCE_2000 = 946_684_800_000_000
"""Postgres counts microseconds from 2000 on, Arrow from 1970."""
_SENT = {
    ID: "uuid_send({})",
    CENTS: "int8send({})",
    MOMENT: "timestamptz_send({})",
    pa.float64(): "float8send({})",
    pa.string(): "textsend({})",
    pa.binary(): "{}",
}
_SIZED = (pa.string(), pa.binary())
"""What has no fixed width comes with its sizes."""
TRANSFERS = pa.schema(
    [
        ("transfer_id", ID),
        ("sender_id", ID),
        ("recipient_id", ID),
        ("amount", CENTS),
        ("currency", pa.string()),
        ("note", pa.string()),
        ("audience", pa.string()),
        ("at", MOMENT),
    ]
)
REFUNDS = pa.schema(
    [
        ("transfer_id", ID),
        ("refund_of", ID),
        ("sender_id", ID),
        ("recipient_id", ID),
        ("amount", CENTS),
        ("currency", pa.string()),
        ("at", MOMENT),
    ]
)
TOP_UPS = pa.schema([("top_up_id", ID), ("user_id", ID), ("amount", CENTS), ("currency", pa.string())])
CASH_OUTS = pa.schema(
    [("cash_out_id", ID), ("user_id", ID), ("amount", CENTS), ("fee", CENTS), ("currency", pa.string())]
)
SAID = {
    "TransferSettled": TRANSFERS.append(pa.field("event_id", ID)),
    "TransferRefunded": REFUNDS,
    "TopUpSettled": TOP_UPS.append(pa.field("at", MOMENT)),
    "CashOutSettled": CASH_OUTS.append(pa.field("at", MOMENT)),
}
"""What the events of each topic say: of transfers also the id of the event that says it, of money in and out the
moment it was settled, which their rows do not tell."""
LATE_MOST_US = 86_400_000_000
"""Whoever took its moment before a freeze and writes after it gets the first moment that is free."""
_HEX = "[0-9a-f]"
_UUID = f"^{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}$"
_NIL = "0" * 32


def aggregated(schema: pa.Schema) -> str:
    """The SELECT list that gathers the columns of ``schema``, which name columns of the rows, none of them null."""
    return ", ".join(part for field in schema for part in _aggregates(field))


def _aggregates(field: pa.Field) -> Iterator[str]:
    name = field.name
    yield f"string_agg({_SENT[field.type].format(name)}, ''::bytea) AS {name}"
    if field.type in _SIZED:
        yield f"string_agg(int4send(octet_length({name})), ''::bytea) AS {name}_sizes"


def table(schema: pa.Schema, row: Any) -> pa.Table:
    """The table of what ``aggregated`` gathered in ``row``; empty when it found no rows."""
    values = row._mapping
    return pa.table(
        [_column(field.type, values[field.name], values.get(f"{field.name}_sizes")) for field in schema], schema=schema
    )


def _column(type_: pa.DataType, value: bytes | None, sizes: bytes | None) -> pa.Array:
    if value is None:
        return pa.array([], type_)
    if type_ == ID:
        return ids(value)
    if type_ in _SIZED:
        offsets = _offsets(sizes or b"")
        return pa.Array.from_buffers(type_, len(offsets) - 1, [None, offsets.buffers()[1], pa.py_buffer(value)])
    if type_ == pa.float64():
        return pa.array(np.frombuffer(value, ">f8").astype("<f8"))
    numbers = np.frombuffer(value, ">i8").astype("<i8")
    return pa.array(numbers + _SINCE_2000 if type_ == MOMENT else numbers).cast(type_)


def _offsets(sizes: bytes) -> pa.Array:
    lengths = np.frombuffer(sizes, ">i4")
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())


def ids(joined: bytes) -> pa.Array:
    """Ids from their bytes, one after another."""
    return pa.Array.from_buffers(ID, len(joined) // UUID_BYTES, [None, pa.py_buffer(joined)])


def of_topic(events: pa.Table, topic: str, schema: pa.Schema) -> pa.Table:
    """What the events of ``topic`` say: the fields of ``schema``. A field that is not there, or not of its form, is a
    nil id or null."""
    events = events.filter(pc.equal(events["topic"], topic))
    said = pa.schema([field for field in schema if field.name != "event_id"])
    found = _fields(events["payload"], said)
    if "event_id" in schema.names:
        found = found.append_column("event_id", events["id"])
    return found


def mistimed(events: pa.Table) -> pa.Table:
    """The events whose row and whose JSON do not say the same moment; a row may be later by what froze meanwhile."""
    said = _fields(events["payload"], pa.schema([("at", MOMENT)]))["at"]
    late = pc.subtract(events["created_at"].cast(pa.int64()), said.cast(pa.int64()))
    return events.filter(pc.fill_null(pc.or_(pc.less(late, 0), pc.greater(late, LATE_MOST_US)), True))


def _fields(payloads: pa.ChunkedArray, schema: pa.Schema) -> pa.Table:
    texts = pa.schema([(field.name, CENTS if field.type == CENTS else pa.string()) for field in schema])
    documents = _documents(payloads, texts)
    return pa.table([_typed(documents[field.name], field.type) for field in schema], schema=schema)


def _documents(payloads: pa.ChunkedArray, schema: pa.Schema) -> pa.Table:
    """One row a payload. Arrow reads them all at once, or, when one of them is not as it should be, Python each."""
    if not len(payloads):
        return schema.empty_table()
    lines = "\n".join(payloads.to_pylist()).encode()  # Postgres escapes line ends within JSON
    how = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    try:
        found = arrow_json.read_json(pa.BufferReader(lines), parse_options=how)
    except pa.ArrowException:
        found = None
    if found is not None and found.num_rows == len(payloads):
        return found.select(schema.names)
    rows = [_document(each) for each in payloads.to_pylist()]
    return pa.table([pa.array([_value(row, field) for row in rows], field.type) for field in schema], schema=schema)


def _document(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _value(row: dict[str, Any], field: pa.Field) -> Any:
    value = row.get(field.name)
    if field.type == CENTS:
        return value if type(value) is int and abs(value) < 2**63 else None
    return value if isinstance(value, str) else None


def _typed(values: pa.ChunkedArray, type_: pa.DataType) -> pa.Array | pa.ChunkedArray:
    if type_ == ID:
        digits = pc.if_else(pc.match_substring_regex(values, _UUID), pc.replace_substring(values, "-", ""), _NIL)
        return ids(bytes.fromhex("".join(pc.fill_null(digits, _NIL).to_pylist())))
    if type_ == MOMENT:
        return _moments(values)
    return values


def _moments(values: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return values.cast(MOMENT)
    except pa.ArrowInvalid:
        return pa.chunked_array([pa.array([_moment(each) for each in values.to_pylist()], MOMENT)])


def _moment(text: str | None) -> Any:
    try:
        return pa.scalar(text, pa.string()).cast(MOMENT).as_py()
    except pa.ArrowInvalid:
        return None
