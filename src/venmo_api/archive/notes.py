"""What people wrote to each other, sealed before it leaves Postgres: an archived note opens only while both its people
are there.

Objects of the archive are never changed. Erasing a person destroys their key, and so their notes wherever they lie.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import orjson
import pyarrow as pa
from anyio.to_thread import run_sync

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.keys import Sealer
from venmo_api.crypto import service as crypto

PEOPLE: Final = {"TransferSettled": ("sender_id", "recipient_id"), "RequestMade": ("requester_id", "payer_id")}
"""The events that carry a note, and whose it is: who wrote it and who it was written to, in whatever order."""
UNREADABLE: Final = "\0"
"""In place of a note that nobody can open any more; no note has this character."""
KEYS_AT_ONCE: Final = 20_000
_SEALED: Final = "sealed_note"
_PLACE: Final = ("events", "note")


async def sealed(app: Adapters, events: pa.Table) -> pa.Table:
    """Rows of ``files.EVENTS`` as they are archived: notes under the keys of both people, or, where one of them was
    erased, gone. Raises KeyAway."""
    keys = await _keys(app, events)
    return await run_sync(_each, events, keys, _seal)


async def opened(app: Adapters, events: pa.Table) -> pa.Table:
    """Archived rows with their notes as they were written, or ``UNREADABLE``. Raises KeyAway."""
    keys = await _keys(app, events)
    return await run_sync(_each, events, keys, _open)


async def _keys(app: Adapters, events: pa.Table) -> Mapping[UUID, Sealer]:
    wanted = sorted(await run_sync(_people, events))
    found: dict[UUID, Sealer] = {}
    for start in range(0, len(wanted), KEYS_AT_ONCE):
        found |= await app.database.read(crypto.of, app, wanted[start : start + KEYS_AT_ONCE])
    return found


def _people(events: pa.Table) -> set[UUID]:
    found: set[UUID] = set()
    for topic, payload in zip(events["topic"].to_pylist(), events["payload"].to_pylist(), strict=True):
        if topic in PEOPLE:
            found.update(_both(topic, orjson.loads(payload)))
    return found


def _each(events: pa.Table, keys: Mapping[UUID, Sealer], change: Any) -> pa.Table:
    rows = zip(*(events[name].to_pylist() for name in ("id", "topic", "payload")), strict=True)
    payloads = [
        change(UUID(bytes=event_id), topic, payload, keys) if topic in PEOPLE else payload
        for event_id, topic, payload in rows
    ]
    at = events.column_names.index("payload")
    return events.set_column(at, "payload", pa.array(payloads, pa.string()))


def _seal(event_id: UUID, topic: str, payload: str, keys: Mapping[UUID, Sealer]) -> str:
    said = orjson.loads(payload)
    text = said.pop("note", None)
    if not isinstance(text, str):
        return payload  # nothing a person wrote
    sealers = _sealers(topic, said, keys)
    said[_SEALED] = None
    if sealers:
        for sealer in sealers:
            text = b64encode(sealer.seal(*_PLACE, event_id, text)).decode()
        said[_SEALED] = text
    return orjson.dumps(said).decode()


def _open(event_id: UUID, topic: str, payload: str, keys: Mapping[UUID, Sealer]) -> str:
    said = orjson.loads(payload)
    if _SEALED not in said:
        return payload
    text, sealers = said.pop(_SEALED), _sealers(topic, said, keys)
    for sealer in reversed(sealers):
        text = sealer.unseal(*_PLACE, event_id, b64decode(text)) if text is not None else None
    said["note"] = text if sealers and text is not None else UNREADABLE
    return orjson.dumps(said).decode()


def _sealers(topic: str, said: Mapping[str, Any], keys: Mapping[UUID, Sealer]) -> Sequence[Sealer]:
    """Those of both people; none where one is not there."""
    people = _both(topic, said)
    return [keys[person] for person in people] if len(people) == 2 and all(each in keys for each in people) else []


def _both(topic: str, said: Any) -> list[UUID]:
    found = []
    for name in PEOPLE[topic] if isinstance(said, dict) else ():
        try:
            found.append(UUID(said.get(name)))
        except (ValueError, TypeError, AttributeError):
            continue
    return found
