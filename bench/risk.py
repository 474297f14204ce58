"""Risk in line: what it adds to a payment and takes from the peak, and what reading and scoring cost alone."""

import asyncio
import hashlib
import random
import statistics
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import lightgbm
import numpy as np
from sqlalchemy import text

from bench import cost
from bench.load import Load, wrk
from bench.report import console, ratios, rows, spread
from bench.series import CONNECTIONS, Comparison, Series, run_once
from bench.stack import Bench
from venmo_api.adapters.postgres import Database, Transaction
from venmo_api.adapters.system import SystemClock
from venmo_api.core.figures import Figures
from venmo_api.risk import features, model, service
from venmo_api.risk.desk import Asked, Side
from venmo_api.risk.rules import DecisionKind

SCREENED, UNSCREENED = "transfers, screened", "transfers, not screened"
ALONE, UNSCREENED_ALONE = "transfer, screened, alone", "transfer, not screened, alone"
COMPARISONS = (Comparison(SCREENED, UNSCREENED, 0.75),)
ADDED_MS_MOST, READ_AND_SCORE_MS_MOST = 0.7, 1.0
TIMES, ROWS, TREES = 2_000, 20_000, 200
ALONE_TIMES = 5
"""Rounds of lone payments for each round at the peak: what is added to them is less than one scatters."""


def measure(bench: Bench, file: Path, *, rounds: int, seconds: int) -> dict[str, Any]:
    """Everything of this part, as ``show`` prints it."""
    todo = _series(bench, file, seconds=seconds)
    for one in range(ALONE_TIMES * rounds + 1):
        for each in todo if one <= rounds else todo[2:]:
            with console.status(f"round {one} of {ALONE_TIMES * rounds}: {each.name}"):
                run_once(bench, each, f"risk-{one}", keep=one > 0)
    by_name = {each.name: each for each in todo}
    added = [a - b for a, b in zip(by_name[ALONE].values(), by_name[UNSCREENED_ALONE].values(), strict=True)]
    spent = {name: sum(cost.served(by_name[name].cpu_us).values()) for name in (SCREENED, UNSCREENED)}
    with console.status("reading and scoring"):
        alone = asyncio.run(_read_and_score(bench))
    return {
        "series": rows(todo),
        "ratios": ratios(todo, COMPARISONS),
        "added_p50_ms": spread(added) | {"wanted": f"<= {ADDED_MS_MOST}"},
        "cpu_us": {"screened": spent[SCREENED], "of a peer not screened": by_name[UNSCREENED].cpu_us},
        "read_and_score_ms": alone | {"wanted": f"p99 <= {READ_AND_SCORE_MS_MOST}"},
    }


def _series(bench: Bench, file: Path, *, seconds: int) -> list[Series]:
    def pay(base: str, connections: int, run: str) -> Load:
        args = (str(file), run, "spread")
        return wrk(base + "/v1/transfers", "pay.lua", *args, connections=connections, seconds=seconds)

    return [
        Series(SCREENED, partial(pay, bench.api, CONNECTIONS)),
        Series(UNSCREENED, partial(pay, bench.unscreened, CONNECTIONS)),
        Series(ALONE, partial(pay, bench.api, 1), by="p50_ms"),
        Series(UNSCREENED_ALONE, partial(pay, bench.unscreened, 1), by="p50_ms"),
    ]


async def _read_and_score(bench: Bench) -> dict[str, float]:
    """One payment at a time: its statement and its decision, with a model of many trees."""
    database = Database(bench.database_url, pool_size=5)
    app: Any = SimpleNamespace(figures=Figures(), scorer=_model(), wall_clock=SystemClock())
    try:
        ids = await database.read(_people)
        spent = await database.read(_timed, app, ids)
    finally:
        await database.close()
    centiles = statistics.quantiles(spent, n=100)
    return {"p50": round(centiles[49], 3), "p99": round(centiles[98], 3)}


async def _people(tx: Transaction) -> list[UUID]:
    return list((await tx.execute(text("SELECT entity_id FROM risk_counters LIMIT 200"))).scalars())


async def _timed(tx: Transaction, app: Any, ids: list[UUID]) -> list[float]:
    spent, rng = [], random.Random(1)
    for number in range(TIMES):
        payer, payee = rng.sample(ids, 2)
        at = datetime.now(UTC)
        asked = Asked(UUID(int=number), DecisionKind.PAYMENT, Side(payer, at), Side(payee, at), 1250, at)
        began = time.perf_counter()
        desk = await service.read(tx, app, [payer, payee])
        desk.judge(asked)
        spent.append((time.perf_counter() - began) * 1000)
    return spent[TIMES // 10 :]


def _model() -> model.Model:
    rng = np.random.default_rng(1)
    seen = rng.integers(0, 100_000, (ROWS, len(features.NAMES)))
    fraud = (seen[:, 0] + seen[:, 5] > 150_000) ^ (rng.random(ROWS) < 0.05)
    data = lightgbm.Dataset(seen, fraud, feature_name=list(features.NAMES))
    made = lightgbm.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, data, TREES)
    body = made.model_to_string().encode()
    names = features.NAMES
    return model.load(body, sha256=hashlib.sha256(body).hexdigest(), names=names, specs=model.meaning(names))
