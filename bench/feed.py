"""The feed: against a hello and a plain query, as stories and friends grow, and what is seen of a payment and when."""

import asyncio
import http.client
import json
import os
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from bench import people
from bench.load import Load, wrk
from bench.report import console, ratios, rows, spread
from bench.series import CONNECTIONS, Comparison, Series, run_once, scalar, settle
from bench.stack import Bench
from venmo_api.adapters.redis import Redis

SIZES = [int(size) for size in os.environ.get("BENCH_STORIES", "1000,1000000").split(",")]
FEW, MANY, READERS = 10, 10_000, 8
FILL = (Path(__file__).parent / "stories.sql").read_text()
STATEMENT_SECONDS = 1200
PAGE = "/v1/feed?limit=25"
HELLO, FEED = "hello, signed in", "feed of 25"
PLAIN, PLAIN_TWICE = "feed of 25 by a plain query", "feed of 25 by a plain query, a process a core"
FEED_FEW, FEED_MANY = f"feed of 25, {FEW} friends", f"feed of 25, {MANY:,} friends"
COMPARISONS = (Comparison(FEED, HELLO, 0.6), Comparison(FEED, PLAIN, 8.0), Comparison(FEED_MANY, FEED_FEW, 0.9))
COLD_TIMES = 5
PACE_MS = 200
"""Between two payments on each connection, where it is not the peak that counts but who waits for whom."""


def measure(bench: Bench, file: Path, *, rounds: int, seconds: int) -> dict[str, Any]:
    """Everything of this part, as ``show`` prints it."""
    readers = {name: _sign_up(bench, name, READERS) for name in ("reads_few", "reads_many")}
    payer = _sign_up(bench, "pays_many", 1)
    grown = []
    for size in SIZES:
        _fill(bench, size, noticed=[payer, readers["reads_many"]], by=file)
        with console.status(f"feeds with {size:,} stories"):
            grown.append(_at_size(bench, readers, size, rounds=rounds, seconds=seconds))
    todo = _series(bench, file, readers, seconds=seconds)
    _warm(bench, file)
    _run(bench, todo, rounds)
    others = _others(bench, file, payer, rounds=rounds, seconds=seconds)
    return {
        "series": rows(todo),
        "ratios": ratios(todo, COMPARISONS),
        "growth": [row | {"ratio": row["median"] / grown[0]["median"]} for row in grown],
        "others_p99_ms": others,
        "visible_ms": _visible(bench, file, seconds=rounds * seconds),
        "redis_bytes_per_user": asyncio.run(_weigh(bench, file)),
    }


def _series(bench: Bench, file: Path, readers: dict[str, Path], *, seconds: int) -> list[Series]:
    def read(base: str, path: str, whose: Path, run: str) -> Load:
        return wrk(base + path, "read.lua", str(whose), connections=CONNECTIONS, seconds=seconds)

    return [
        Series(HELLO, partial(read, bench.hello, "/bench/hello", file)),
        Series(FEED, partial(read, bench.api, PAGE, file)),
        Series(PLAIN, partial(read, bench.plain_one, "/feed", file)),
        Series(PLAIN_TWICE, partial(read, bench.plain, "/feed", file)),
        Series(FEED_FEW, partial(read, bench.api, PAGE, readers["reads_few"])),
        Series(FEED_MANY, partial(read, bench.api, PAGE, readers["reads_many"])),
    ]


def _run(bench: Bench, todo: list[Series], rounds: int) -> None:
    for number in range(rounds + 1):
        for one in todo:
            with console.status(f"round {number} of {rounds}: {one.name}"):
                run_once(bench, one, str(number), keep=number > 0)


def _at_size(bench: Bench, readers: dict[str, Path], size: int, *, rounds: int, seconds: int) -> dict[str, Any]:
    """The warm feed, by what a hello does in the same rounds; and the first look after a flush."""
    cold = {name: [_cold(bench, file) for _ in range(COLD_TIMES)] for name, file in readers.items()}
    by_name = {one.name: one for one in _series(bench, readers["reads_few"], readers, seconds=seconds)}
    hello, few = by_name[HELLO], by_name[FEED_FEW]
    _warm(bench, *readers.values())
    _run(bench, [hello, few], rounds)
    shares = [mine / other for mine, other in zip(few.values(), hello.values(), strict=True)]
    return {
        "stories": size,
        **spread(shares),
        "per_second": round(statistics.median(few.values()), 1),
        "cold_ms": round(statistics.median(cold["reads_few"]), 1),
        f"cold_ms_{MANY}_friends": round(statistics.median(cold["reads_many"]), 1),
    }


def _warm(bench: Bench, *files: Path) -> None:
    """The first look makes a timeline, the second the stories in it."""
    with _connected(bench) as ask, console.status("first looks"):
        for file in files:
            for token, _ in 2 * _pairs(file):
                _stories(ask, token)


def _cold(bench: Bench, file: Path) -> float:
    asyncio.run(_flush(bench))
    with _connected(bench) as ask:
        began = time.perf_counter()
        _stories(ask, _pairs(file)[0][0])
        return (time.perf_counter() - began) * 1000


def _others(bench: Bench, file: Path, payer: Path, *, rounds: int, seconds: int) -> dict[str, Any]:
    """How long others wait for their payments, with and without somebody beside them who has MANY friends and pays."""

    def pay(run: str) -> Load:
        args = (str(file), run, "spread", str(PACE_MS))
        return wrk(bench.api + "/v1/transfers", "paced.lua", *args, connections=CONNECTIONS, seconds=seconds)

    def pay_beside(run: str) -> Load:
        with _paying(bench, payer, file, run) as paid:
            load = pay(run)
        counts.append(len(paid))
        return load

    counts: list[int] = []
    without, beside = Series("others without", pay, by="p99_ms"), Series("others beside", pay_beside, by="p99_ms")
    _run(bench, [without, beside], rounds)
    by = f"beside one with {MANY:,} friends"
    return {
        "without": spread(without.values()),
        by: spread(beside.values()),
        "they paid a second": counts[-1] / seconds,
    }


@contextmanager
def _paying(bench: Bench, payer: Path, file: Path, run: str) -> Iterator[list[str]]:
    """Within, ``payer`` pays one person after another; what was paid."""
    stop, paid = threading.Event(), list[str]()
    token = _pairs(payer)[0][0]
    ids = [user_id for _, user_id in _pairs(file)]

    def pay_on() -> None:
        with _connected(bench) as ask:
            while not stop.is_set():
                note = f"{run} many {len(paid)}"
                _pay(ask, token, ids[len(paid) % len(ids)], note)
                paid.append(note)

    paying = threading.Thread(target=pay_on)
    paying.start()
    try:
        yield paid
    finally:
        stop.set()
        paying.join()


def _visible(bench: Bench, file: Path, *, seconds: int) -> dict[str, float]:
    """From the answer to a payment until a friend, who looks all the time, is shown it."""
    (payer, _), (friend, friend_id) = _pairs(file)[2:4]
    target = _pairs(file)[50][1]
    assert target != friend_id
    settle(bench)
    waits: list[float] = []
    until = time.monotonic() + seconds
    with _connected(bench) as ask, console.status("payments until they are seen"):
        while time.monotonic() < until:
            note = f"seen {time.monotonic_ns()}"
            _pay(ask, payer, target, note)
            began = time.perf_counter()
            while not any(story["note"] == note for story in _stories(ask, friend)):
                time.sleep(0.001)
            waits.append((time.perf_counter() - began) * 1000)
    cuts = statistics.quantiles(waits, n=100)
    return {"payments": len(waits), "p50": round(cuts[49], 1), "p99": round(cuts[98], 1)}


async def _weigh(bench: Bench, file: Path) -> dict[str, float]:
    """What each of many users who looked adds to Redis, all of it and by kind of key. Stories are shared."""
    await _flush(bench)
    redis = Redis(bench.redis_url)
    before = int((await redis.client.info("memory"))["used_memory"])
    users = _pairs(file)
    _warm(bench, file)
    found: Counter[str] = Counter()
    keys = [key async for key in redis.client.scan_iter(count=1000)]
    for key in keys:
        found[key.split(b":")[0].decode(errors="replace")] += int(await redis.client.memory_usage(key) or 0)
    after = int((await redis.client.info("memory"))["used_memory"])
    await redis.close()
    each = {f"in {kind}:*": round(size / len(users), 1) for kind, size in sorted(found.items())}
    return {"users": len(users), "all": round((after - before) / len(users), 1)} | each


def _fill(bench: Bench, stories: int, *, noticed: list[Path], by: Path) -> None:
    """Let there be so many stories; the caches know of none. Who has very many friends makes one more over HTTP, since
    those who came by SQL were not noticed."""
    with console.status(f"filling up to {stories:,} stories"):
        asyncio.run(_fill_tables(bench, stories))
        for file in noticed:
            for one in _pairs(file):
                people.befriend(bench.api, one, _pairs(by)[-1])
        settle(bench)
        asyncio.run(_flush(bench))


async def _fill_tables(bench: Bench, stories: int) -> None:
    count = await scalar(bench, "SELECT count(*) FROM users WHERE username LIKE 'bench%'")
    connection = await asyncpg.connect(bench.database_url.replace("+asyncpg", ""))
    try:
        for statement in FILL.format(stories=stories, friends=MANY, few=FEW, people=count).split(";\n"):
            if statement.strip():
                await connection.execute(statement, timeout=STATEMENT_SECONDS)
    finally:
        await connection.close()


async def _flush(bench: Bench) -> None:
    redis = Redis(bench.redis_url)
    # Else memory is given back a while later.
    await redis.client.execute_command("FLUSHALL", "SYNC")  # type: ignore[no-untyped-call]
    await redis.close()


def _sign_up(bench: Bench, name: str, count: int) -> Path:
    file = bench.folder / f"{name}.txt"
    people.write(file, [people.person(bench.api, f"{name}_{number}") for number in range(count)])
    return file


def _pairs(file: Path) -> list[tuple[str, str]]:
    return [(token, user_id) for token, user_id in (line.split() for line in file.read_text().splitlines())]


Ask = Callable[..., Any]


@contextmanager
def _connected(bench: Bench) -> Iterator[Ask]:
    """One connection that is kept, and a function that asks over it."""
    connection = http.client.HTTPConnection(urlsplit(bench.api).netloc, timeout=60)

    def ask(method: str, path: str, token: str, body: Any = None, **headers: str) -> Any:
        headers |= {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request(method, path, json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        document = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path} was answered {answer.status}: {document[:300]!r}")
        return json.loads(document)

    try:
        yield ask
    finally:
        connection.close()


def _stories(ask: Ask, token: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask("GET", PAGE, token)["data"]
    return found


def _pay(ask: Ask, token: str, payee: str, note: str) -> None:
    body = {"recipient": {"user_id": payee}, "amount": 1, "note": note}
    ask("POST", "/v1/transfers", token, body, **{"Idempotency-Key": note.replace(" ", "-")})
