"""A statement is the same wherever its days lie, while they move, and says so when it cannot be had."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import httpx2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.archive.town import s3_that_is_down
from tests.conftest import Person, World
from tests.statements.test_router import adds_up, uuid
from venmo_api.archive import catalog, compaction, past, proof, queries, rules
from venmo_api.archive import service as archive
from venmo_api.core.errors import Unavailable
from venmo_api.ledger.history import TooManyEntries

DAYS = 6


@dataclass
class Village:
    """Three people who paid each other on some of six days, and one who did so once; what they asked and were told."""

    world: World
    people: list[Person]
    first: date
    asked: list[tuple[Person, str, dict[str, str]]]

    async def answers(self) -> list[bytes]:
        found = []
        for person, path, params in self.asked:
            answer = await person.get(path, **params)
            assert answer.status_code == 200, (answer.text, params)
            found.append(answer.content)
        return found

    async def move(self, day: int) -> None:
        """To S3 what is older than the ``day``-th midnight."""
        midnight = datetime.combine(self.first + timedelta(days=day), datetime.min.time(), UTC)
        await archive.archive(self.world.app, before=midnight)


async def inhabit(world: World, *, seed: int = 1) -> Village:
    draw = Random(seed)
    people = [await world.person(name, money=10_000) for name in ("ann", "ben", "cid")]
    hermit = await world.person("dot")
    await people[0].pay(hermit, 77, note="once 🎈")
    first = world.clock.now().date()
    moments = [world.clock.now() - timedelta(days=1)]
    for _ in range(DAYS):
        payer, payee, _ = draw.sample(people, 3)
        for number in range(draw.randint(0, 3)):
            assert (await payer.pay(payee, 10 + number, note=f"note {number} of {payer.username}")).status_code == 201
            moments.append(world.clock.now())
        world.clock.advance(timedelta(days=1))
        moments.append(world.clock.now())
    await world.drain()
    asked: list[tuple[Person, str, dict[str, str]]] = []
    for person in (*people[:2], hermit):
        for start, length in ((0, DAYS - 1), (0, 0), (1, 2), (draw.randrange(DAYS), 0), (-3, 3), (-3, 1)):
            day = first + timedelta(days=start)
            params = {
                "start": str(day),
                "end": str(min(day + timedelta(days=length), first + timedelta(days=DAYS - 1))),
            }
            asked.append((person, "/statements", params))
        asked.append((person, "/statements", params | {"format": "csv"}))
        asked += [(person, "/wallet/balance", {"at": moment.isoformat()}) for moment in draw.sample(moments, 5)]
    asked.append(
        (people[0], "/statements", {"start": str(first), "end": str(first + timedelta(days=4)), "format": "pdf"})
    )
    return Village(world, people, first, asked)


async def test_statements_are_the_same_to_the_byte_before_during_and_after_moves(fresh: World) -> None:
    village = await inhabit(fresh)
    before = await village.answers()
    done = asyncio.Event()

    async def ask() -> int:
        rounds = 0
        while not done.is_set():
            assert await village.answers() == before
            rounds += 1
        return rounds

    async def pay() -> int:
        paid = 0
        while not done.is_set():
            assert (await village.people[2].pay(village.people[0], 1)).status_code == 201
            paid += 1
            await asyncio.sleep(0.02)
        return paid

    async def move() -> None:
        try:
            for day in (1, 2, 4, DAYS):
                await village.move(day)
                assert await village.answers() == before
        finally:
            done.set()

    rounds, paid, _ = await asyncio.gather(ask(), pay(), move())
    assert (rounds > 0, paid > 0) == (True, True)
    assert await village.answers() == before
    await fresh.drain()
    assert (await proof.verify(fresh.app)).passed
    ann = village.people[0]
    both = (await ann.get("/statements", start=str(village.first))).json()
    assert adds_up(both)
    assert len({line["at"][:10] for line in both["lines"]}) > 1
    assert len(both["lines"]) >= paid


async def test_statements_are_the_same_to_the_byte_over_compacted_files(fresh: World) -> None:
    village = await inhabit(fresh)
    before = await village.answers()
    for day in range(1, DAYS + 1):
        await village.move(day)
    moved = set(await fresh.app.objects.keys(""))
    fresh.clock.advance(compaction.MONTHLY_AFTER + timedelta(days=32))
    done = await compaction.tidy(fresh.app)
    assert done.compacted > done.made > 0
    assert await village.answers() == before
    standing = {
        file.key for file in await catalog.standing(fresh.app, await fresh.app.database.read(queries.manifests))
    }
    gone = [key for key in moved - standing if not key.startswith(rules.MANIFESTS)]
    assert len(gone) == done.compacted
    await fresh.app.objects.delete(gone)
    assert await village.answers() == before
    assert (await proof.verify(fresh.app)).passed


async def test_parts_of_a_file_that_rotted_are_no_statement(fresh: World) -> None:
    """A planted defect: an amount is another, readable all the same; who reads parts has no digest of the whole."""
    village = await inhabit(fresh)
    await village.move(DAYS)
    objects, period = fresh.app.objects, {"start": str(village.first), "end": str(fresh.clock.now().date())}
    [key, *_] = sorted(await objects.keys("ledger/"))
    body = await objects.get(key)
    objects._client.put_object(Bucket=objects.bucket, Key=key, Body=rotten(body))
    answer = await village.people[0].get("/statements", **period)
    assert (answer.status_code, answer.json()["code"]) == (503, "history_damaged")
    objects._client.put_object(Bucket=objects.bucket, Key=key, Body=body)
    assert (await village.people[0].get("/statements", **period)).status_code == 200


def rotten(body: bytes) -> bytes:
    """With one bit another, so that who does not ask for checksums reads other amounts."""
    whole = pq.read_table(pa.BufferReader(body))
    group = pq.ParquetFile(pa.BufferReader(body)).metadata.row_group(0)
    column = next(group.column(at) for at in range(group.num_columns) if group.column(at).path_in_schema == "amount")
    start = column.dictionary_page_offset or column.data_page_offset
    for at in range(start, start + column.total_compressed_size):
        other = bytearray(body)
        other[at] ^= 1
        with suppress(pa.ArrowException, OSError):
            read = pq.read_table(pa.BufferReader(bytes(other)))
            if read["amount"] != whole["amount"] and read.drop(["amount"]) == whole.drop(["amount"]):
                return bytes(other)
    raise AssertionError("no bit does")


async def test_an_entry_that_is_missing_in_s3_is_no_statement(fresh: World) -> None:
    """A planted defect: the file of a day holds everything but one entry."""
    village = await inhabit(fresh)
    await village.move(DAYS)
    ann = village.people[0]
    period = {"start": str(village.first), "end": str(village.first + timedelta(days=DAYS - 1))}
    [key, *_] = sorted(await fresh.app.objects.keys("ledger/"))
    body = await fresh.app.objects.get(key)
    objects = fresh.app.objects
    objects._client.put_object(Bucket=objects.bucket, Key=key, Body=without_an_entry(body, uuid(ann).bytes))
    answer = await ann.get("/statements", **period)
    assert (answer.status_code, answer.json()["code"]) == (503, "history_damaged")
    objects._client.delete_object(Bucket=objects.bucket, Key=key)
    answer = await ann.get("/statements", **period)
    assert (answer.status_code, answer.json()["code"]) == (503, "history_damaged")
    assert key not in answer.text


def without_an_entry(body: bytes, account: bytes) -> bytes:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(pa.BufferReader(body))
    mine = pc.equal(table["account_id"], pa.scalar(account, pa.binary(16)))
    sink = pa.BufferOutputStream()
    last = pc.max(table.filter(mine)["version"]).as_py()
    pq.write_table(table.filter(pc.invert(pc.and_(mine, pc.equal(table["version"], last - 1)))), sink)
    return bytes(sink.getvalue()).ljust(len(body), b"\0")[: max(len(body), len(sink.getvalue()))]


async def test_s3_that_is_away_is_told_in_bounded_time_and_payments_go_on(fresh: World) -> None:
    village = await inhabit(fresh)
    ann, ben, _ = village.people
    archived = {"start": str(village.first), "end": str(village.first)}
    today = {"start": str(fresh.clock.now().date())}
    await village.move(DAYS)
    client = fresh.app.objects._client
    fresh.app.objects._client = s3_that_is_down()
    answer = await ann.get("/statements", **archived)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "archive does not answer" in answer.json()["detail"]
    assert answer.headers["retry-after"]
    assert (await ann.get("/wallet/balance", at=f"{village.first}T00:00:00Z")).status_code == 503
    assert (await ann.get("/statements", **today)).status_code == 200
    assert (await ann.pay(ben, 1)).status_code == 201
    fresh.app.objects._client = client
    assert (await ann.get("/statements", **archived)).status_code == 200


class Slow:
    """An S3 that takes its time."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get_object(self, **asked: Any) -> Any:
        time.sleep(1.5)
        return self._client.get_object(**asked)


async def test_s3_that_is_slow_is_not_waited_for(fresh: World) -> None:
    village = await inhabit(fresh)
    await village.move(DAYS)
    start = datetime.combine(village.first, datetime.min.time(), UTC)
    asked = {"start": start, "end": start + timedelta(days=3)}

    async def known(tx: Any) -> tuple[Any, Sequence[Any]]:
        await past.begin(tx)
        return await past.at_hand(tx, uuid(village.people[0]), **asked, most=100)

    found, manifests = await fresh.app.database.read(known)
    whole = await past.whole(fresh.app, found, manifests, most=100)
    assert whole.opening + sum(entry.amount for entry in whole.entries) == whole.closing
    with pytest.raises(TooManyEntries):
        await past.whole(fresh.app, found, manifests, most=0)
    fresh.app.objects._client = Slow(fresh.app.objects._client)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await past.whole(fresh.app, found, manifests, most=100, seconds=0.2)
    assert time.monotonic() - began < 1.4


async def test_who_has_no_archived_day_needs_no_s3(fresh: World) -> None:
    village = await inhabit(fresh)
    await village.move(DAYS)
    fresh.app.objects._client = s3_that_is_down()
    late = await fresh.person("late", money=500)
    answer: httpx2.Response = await late.get("/statements", start=str(village.first))
    assert [line["amount"] for line in answer.json()["lines"]] == [500]
    assert (await late.get("/wallet/balance", at=f"{village.first}T00:00:00Z")).json()["balance"] == 0
