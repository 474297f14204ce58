"""A town of people who pay each other by habit, drawn from a seed: what planted typologies stand out of."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from venmo_api.analytics import inputs, plants
from venmo_api.analytics.plants import DAY_US, Plant, Rows, device_of

Ints = npt.NDArray[np.int64]
GROUP = 12
"""People of one circle: flatmates, colleagues, a team."""
FRIENDS = 8
PAYMENTS_EACH = 50
SIGNED_UP_DAYS = 40
"""Before the first payment nine in ten have signed up, within so many days: nobody has a past that is not told."""
WEEK = (0.85, 0.85, 0.9, 1.0, 1.35, 1.25, 0.9)
PAY_DAYS = (1, 15)
RENT_DAYS = (1, 2, 3)
CASH_OUTS, MERCHANTS, RENTS, DINNERS = 0.04, 0.08, 0.1, 0.06
"""Parts of a day's payments."""
HOURS = (2, 1, 1, 1, 1, 1, 2, 4, 6, 6, 6, 8, 11, 9, 7, 7, 8, 10, 13, 14, 12, 10, 7, 4)
"""How much is paid in each hour of a day."""
VERDICTS = pa.array([inputs.ALLOWED, inputs.REVIEWED, inputs.DENIED, inputs.ENDED])
UNLUCKY = (0.9994, 0.9998, 0.9999)
"""Of a payment's luck, from where on it is each verdict but the first."""
KINDS = pa.array([inputs.PAYMENT, inputs.CASH_OUT])


@dataclass(frozen=True, slots=True)
class Plan:
    """``payments``: about so many rows. ``planted``: of each typology; None: one in 50,000 payments, five at least."""

    payments: int = 1_000_000
    days: int = 180
    seed: int = 1
    planted: int | None = None
    start: date = date(2026, 1, 1)

    @property
    def people(self) -> int:
        return max(600, self.payments // PAYMENTS_EACH)

    @property
    def of_each(self) -> int:
        return max(5, self.payments // 50_000) if self.planted is None else self.planted

    @property
    def start_us(self) -> int:
        return int(datetime.combine(self.start, datetime.min.time(), UTC).timestamp()) * 1_000_000


@dataclass(frozen=True, slots=True)
class People:
    """Those with habits, by number, in the order they signed up. ``busy`` names each as often as they are busy, and
    its first ``busy_on[day]`` names are of those who are there by that day. Who is ``settled`` pays rent through us."""

    opened_us: Ints
    busy: npt.NDArray[np.int32]
    busy_on: Ints
    friends: npt.NDArray[np.int32]
    spends: npt.NDArray[np.float32]
    rent: Ints
    settled: npt.NDArray[np.bool_]
    merchants: Ints
    new_phone_day: Ints
    shares_phone: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Town:
    plan: Plan
    people: People
    opened_us: Ints
    planted: list[Plant]
    plants: Rows


def build(plan: Plan) -> Town:
    """The people, and what is planted among them. The same plan is the same town, to the byte."""
    rng = np.random.default_rng([plan.seed, 0])
    people = _people(plan, rng)
    old = np.flatnonzero(people.opened_us < plan.start_us)
    sown = plants.sow(plan.of_each, rng, old=old, people=len(people.opened_us), start_us=plan.start_us, days=plan.days)
    return Town(plan, people, np.concatenate([people.opened_us, sown.opened_us]), sown.planted, sown.rows)


def days(town: Town) -> Iterator[tuple[date, pa.Table, pa.Table]]:
    """Day by day: its payments, and the labels of those that were planted (tx_id, typology, plant)."""
    plan, planted = town.plan, town.plants
    weights = np.array([_weight(plan, day) for day in range(plan.days)])
    rows = np.round(weights / weights.sum() * max(0, plan.payments - len(planted.us))).astype(np.int64)
    order = np.argsort(planted.us, kind="stable")
    ends = np.searchsorted(planted.us[order], plan.start_us + DAY_US * np.arange(plan.days + 1))
    typologies = np.array([plant.typology for plant in town.planted] or [""])
    first_id = 1
    for day in range(plan.days):
        made = plants.joined([_habits(town, day, int(rows[day])), planted.take(order[ends[day] : ends[day + 1]])])
        made = made.take(np.argsort(made.us, kind="stable"))
        tx_id = np.arange(first_id, first_id + len(made.us))
        first_id += len(made.us)
        evil = np.flatnonzero(made.plant >= 0)
        labels = pa.table(
            {"tx_id": tx_id[evil], "typology": pa.array(typologies[made.plant[evil]]), "plant": made.plant[evil]}
        )
        yield plan.start + timedelta(days=day), _table(tx_id, made), labels


def write(town: Town, folder: Path, *, progress: Callable[[str], None]) -> int:
    """The inputs as ``inputs.read`` takes them, and the truth beside them: ``truth/labels.parquet`` (one row a planted
    payment) and ``truth/plants.parquet`` (one row a plant). How many payments. A day is in memory at a time."""
    for name in (*inputs.SCHEMAS, "truth"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    accounts = {"account": np.arange(1, len(town.opened_us) + 1), "opened_us": town.opened_us}
    pq.write_table(pa.table(accounts, schema=inputs.ACCOUNTS), folder / "accounts/accounts.parquet", compression="zstd")
    pq.write_table(plants.table(town.planted), folder / "truth/plants.parquet", compression="zstd")
    written, labels = 0, []
    for number, (day, table, labelled) in enumerate(days(town), start=1):
        pq.write_table(table, folder / f"payments/{day}.parquet", compression="zstd", compression_level=1)
        labels.append(labelled)
        written += len(table)
        if number % 30 == 0 or number == town.plan.days:
            progress(f"day {number} of {town.plan.days}: {written:,} payments")
    pq.write_table(pa.concat_tables(labels), folder / "truth/labels.parquet", compression="zstd")
    return written


def _people(plan: Plan, rng: np.random.Generator) -> People:
    count = plan.people
    there = rng.random(count) < 0.9
    before = plan.start_us - rng.random(count) * SIGNED_UP_DAYS * DAY_US
    within = plan.start_us + rng.random(count) * plan.days * DAY_US
    opened_us = np.sort(np.where(there, before, within).astype(np.int64))
    busy = np.repeat(np.arange(count, dtype=np.int32), np.clip(rng.lognormal(1.0, 0.8, count), 1, 16).astype(np.int64))
    there_by = np.searchsorted(opened_us, plan.start_us + DAY_US * np.arange(plan.days))
    place = rng.permutation(count)
    at_place = np.argsort(place)
    near = (place[:, None] // GROUP * GROUP + rng.integers(0, GROUP, (count, FRIENDS - 2))) % count
    friends = np.concatenate([at_place[near], rng.integers(0, count, (count, 2))], axis=1)
    own = friends == np.arange(count)[:, None]
    friends[own] = (friends[own] + 1) % count
    return People(
        opened_us=opened_us,
        busy=busy,
        busy_on=np.searchsorted(busy, there_by),
        friends=friends.astype(np.int32),
        spends=rng.normal(np.log(25_00), 0.6, count).astype(np.float32),
        rent=rng.integers(500, 1500, count) * 100,
        settled=np.bincount(busy, minlength=count) >= 4,
        merchants=rng.choice(np.flatnonzero(opened_us < plan.start_us), max(4, count // 200), replace=False),
        new_phone_day=rng.integers(0, 4 * plan.days, count),
        shares_phone=rng.random(count) < 0.02,
    )


def _weight(plan: Plan, day: int) -> float:
    """How much is paid on a day: more at weekends and on pay days, and a little more each month."""
    at = plan.start + timedelta(days=day)
    return WEEK[at.weekday()] * (1.5 if at.day in PAY_DAYS else 1.0) * (1 + 0.3 * day / plan.days)


def _habits(town: Town, day: int, count: int) -> Rows:
    """What people pay each other on a day without any evil."""
    people, plan = town.people, town.plan
    rng = np.random.default_rng([plan.seed, day + 1])
    hosts = people.busy[rng.integers(0, people.busy_on[day], int(count * DINNERS) // 5)].astype(np.int64)
    alone = count - 5 * len(hosts)
    sender = people.busy[rng.integers(0, people.busy_on[day], alone)].astype(np.int64)
    choice = (FRIENDS * rng.random(alone) ** 2).astype(np.int64)
    recipient = people.friends[sender, choice].astype(np.int64)
    amount = np.exp(people.spends[sender] + 0.7 * rng.standard_normal(alone, np.float32)).astype(np.int64)
    kind = rng.random(alone)
    cash = kind < CASH_OUTS
    shop = (kind >= CASH_OUTS) & (kind < CASH_OUTS + MERCHANTS)
    recipient[shop] = rng.choice(people.merchants, int(shop.sum()))
    if (plan.start + timedelta(days=day)).day in RENT_DAYS:
        rents = (kind > 1 - RENTS) & people.settled[sender]
        recipient[rents], amount[rents] = people.friends[sender[rents], 0], people.rent[sender[rents]]
    amount[cash] *= 4
    evening = rng.integers(18 * 3600, 23 * 3600, len(hosts)) * 1_000_000
    us = np.concatenate([_times(rng, alone), np.repeat(evening, 5) + rng.integers(0, 3600_000_000, 5 * len(hosts))])
    share = np.exp(rng.normal(np.log(22_00), 0.4, len(hosts))).astype(np.int64)
    sender = np.concatenate([sender, people.friends[hosts, :5].ravel()])
    recipient = np.concatenate([recipient, np.repeat(hosts, 5)])
    amount = np.concatenate([amount, np.repeat(share, 5)])
    return _tidied(town, day, rng, Rows.of(us=us, sender=sender, recipient=recipient, amount=amount, cash=cash))


def _tidied(town: Town, day: int, rng: np.random.Generator, rows: Rows) -> Rows:
    """Among those who are there already, to others, in usual amounts, from their phones; a few are declined."""
    people, count = town.people, len(rows.us)
    there = int(people.busy[people.busy_on[day] - 1]) + 1
    sender, recipient = rows.sender % there, rows.recipient % there
    recipient[recipient == sender] = (sender[recipient == sender] + 1) % there
    round_ones = rng.random(count) < 0.4
    amount = np.where(round_ones, rows.amount // 500 * 500, rows.amount).clip(1_00, 2_000_00)
    owner = np.where(people.shares_phone[sender], sender & ~1, sender)
    generation = (people.new_phone_day[sender] <= day).astype(np.int64)
    tablet = rng.random(count) < 0.03
    luck = 1 - rng.random(count)
    return Rows(
        us=rows.us + town.plan.start_us + day * DAY_US,
        sender=sender + 1,
        recipient=np.where(rows.cash, inputs.NOBODY, recipient + 1),
        amount=amount,
        device=device_of(np.where(tablet, sender, owner)) + np.where(tablet, 7, generation),
        cash=rows.cash,
        verdict=np.searchsorted(UNLUCKY, luck).astype(np.int8),
        plant=rows.plant,
    )


def _times(rng: np.random.Generator, count: int) -> Ints:
    """Microseconds of a day, more of them in the evening."""
    minutes = np.repeat(np.arange(24 * 60), np.repeat(HOURS, 60))
    return minutes[rng.integers(0, len(minutes), count)] * 60_000_000 + rng.integers(0, 60_000_000, count)


def _table(tx_id: Ints, rows: Rows) -> pa.Table:
    columns = {each.name: getattr(rows, each.name) for each in fields(rows)}
    named = columns | {
        "tx_id": tx_id,
        "kind": pa.DictionaryArray.from_arrays(pa.array(rows.cash.astype(np.int8)), KINDS).dictionary_decode(),
        "verdict": pa.DictionaryArray.from_arrays(pa.array(rows.verdict), VERDICTS).dictionary_decode(),
    }
    return pa.table({name: named[name] for name in inputs.PAYMENTS.names}, schema=inputs.PAYMENTS)
