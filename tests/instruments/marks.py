"""What was secret or personal in the requests and answers of a test run, and the search for it where it must not be.

Every client of the tests reports here what it sends and receives. Before a database, a Redis number or a bucket of the
run is thrown away it is searched, and so is what was logged. Kept hashed or sealed, nothing of it is found.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import unquote

import httpx2
import pyarrow.parquet as pq

SECRETS = {
    "password": "password",
    "new_password": "password",
    "access_token": "token",
    "refresh_token": "token",
    "device_token": "token",
    "challenge_token": "token",
    "approval": "token",
    "token": "token",
    "secret": "factor secret",
    "recovery_codes": "recovery code",
    "email": "e-mail address",
    "phone": "phone number",
    "address": "contact",
}
SHORTEST = 8
DISTINCT_LEAST = 5
"""Less is found everywhere by chance: "00000000", say. Codes are looked for as whole values."""
CARD = re.compile(r"(?<![\w.-])[3-6]\d{12,18}(?![\w.-])")
# The sandbox stands for the mail, the telephone network and the bank: it holds what they would hold.
TWINS = {"sandbox_messages", "sandbox_bank_orders"}


@dataclass
class Marks:
    """``known``: what to look for, and what it is. ``hits``: where what was found; never the value itself."""

    known: dict[str, str] = field(default_factory=dict)
    codes: set[str] = field(default_factory=set)
    hits: set[str] = field(default_factory=set)

    def note(self, document: object) -> None:
        """Remember what is secret or personal in a body."""
        if isinstance(document, list):
            for item in document:
                self.note(item)
        elif isinstance(document, dict):
            for name, value in document.items():
                self._note(name, value)

    def _note(self, name: str, value: object) -> None:
        if not isinstance(value, str):
            if name in SECRETS and isinstance(value, list):
                for item in value:
                    self._note(name, item)
            else:
                self.note(value)
        elif name == "code" and value.isdecimal():
            self.codes.add(value)
        elif name in SECRETS and len(value) >= SHORTEST and len(set(value)) >= DISTINCT_LEAST:
            # Of a signed token the signature is the secret; what it says is not.
            self.known[_told_apart(value.rpartition(".")[2] if name == "access_token" else value)] = SECRETS[name]

    def look(self, text: str, where: str) -> None:
        """Search a text, also for what stands in it as bytes in hexadecimal, or as in a URL."""
        if "%" in text:
            text += "\n" + unquote(text)
        for hexadecimal in re.findall(r"\\x([0-9a-f]{16,})", text):
            text += "\n" + bytes.fromhex(hexadecimal[: len(hexadecimal) // 2 * 2]).decode("utf-8", "replace")
        for word in map(_told_apart, _words(text)):
            if word in self.known:
                self.hits.add(f"{self.known[word]} in {where}")
        for value, kind in self.known.items():
            if " " in value and value in text:  # passwords are of several words
                self.hits.add(f"{kind} in {where}")
        if any(f'"{code}"' in text or f"code={code}" in text for code in self.codes):
            self.hits.add(f"code in {where}")
        if any(_luhn(number) for number in CARD.findall(text)):
            self.hits.add(f"card number in {where}")


MARKS = Marks()
"""Of this process: each worker of a run looks through its own databases, Redis numbers, buckets and logs."""


class Listening(httpx2.AsyncBaseTransport):
    """Passes requests on, and tells the marks of what went by."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, marks: Marks) -> None:
        self._inner = inner
        self._marks = marks

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        sent = await request.aread() if request.headers.get("content-type") == "application/json" else b""
        response = await self._inner.handle_async_request(request)
        if response.status_code < 400:  # what is refused may be anything: "0123456789" for a token, say
            self._hear(sent)
        if "json" in response.headers.get("content-type", ""):
            self._hear(await response.aread())
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()

    def _hear(self, body: bytes) -> None:
        with suppress(ValueError, RecursionError):  # a test may send what is no JSON
            self._marks.note(json.loads(body))


async def look_through_database(connection: Any, marks: Marks) -> None:
    """Every cell that can hold text or bytes, of every table but the twins."""
    columns = await connection.fetch(
        "SELECT table_name, string_agg(format('%I::text', column_name), ', ') AS cells"
        " FROM information_schema.columns WHERE table_schema = 'public'"
        " AND data_type IN ('text', 'character varying', 'citext', 'USER-DEFINED', 'json', 'jsonb', 'bytea', 'ARRAY')"
        " GROUP BY table_name"
    )
    asked = [
        f"SELECT '{table['table_name']}', concat_ws(chr(10), {table['cells']}) FROM \"{table['table_name']}\""
        for table in columns
        if table["table_name"] not in TWINS
    ]
    found: dict[str, list[str]] = {}
    for table, text in await connection.fetch(" UNION ALL ".join(asked)):
        found.setdefault(table, []).append(text)
    for table, texts in found.items():
        marks.look("\n".join(texts), f"table {table}")


async def look_through_redis(client: Any, marks: Marks) -> None:
    """Every key and what it holds."""
    readers = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"zset": lambda key: client.zrange(key, 0, -1),
    }
    async for key in client.scan_iter(count=1000):
        kind = await client.type(key)
        reader = readers.get(kind if isinstance(kind, bytes) else kind.encode())
        held = await reader(key) if reader else b""
        marks.look(_plain(key) + "\n" + _plain(held), f"Redis key {_plain(key).partition(':')[0]}")


async def look_through_bucket(objects: Any, marks: Marks) -> None:
    """Every object; of Parquet, what its columns say."""
    for key in await objects.keys(""):
        raw = await objects.get(key)
        text = str(pq.read_table(BytesIO(raw)).to_pydict()) if key.endswith(".parquet") else _plain(raw)
        marks.look(text, "the archive on S3")


def _told_apart(word: str) -> str:
    """Of mail addresses, however they are spelled, one form."""
    return word.lower() if "@" in word else word


def _plain(held: object) -> str:
    if isinstance(held, bytes):
        return held.decode("utf-8", "replace")
    if isinstance(held, dict):
        return "\n".join(_plain(key) + "\n" + _plain(value) for key, value in held.items())
    if isinstance(held, (list, set, tuple)):
        return "\n".join(map(_plain, held))
    return str(held)


def _words(text: str) -> Iterator[str]:
    """Runs of what tokens, addresses and numbers are made of."""
    for word in re.findall(r"[\w.+@=/:?&%-]{8,}", text):
        yield word
        if not word.isalnum():
            yield from re.findall(r"[\w+@.-]{8,}", word)
            yield from word.split(".")


def _luhn(number: str) -> bool:
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(number))]
    return len(number) in (15, 16) and sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10 == 0
