"""Typologies planted in a town: each a small crime with its accounts, its payments and its time."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from venmo_api.analytics.inputs import NOBODY

Ints = npt.NDArray[np.int64]
SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
DAY_US = 24 * HOUR_US
ASLEEP_DAYS = 120
"""How long a dormant account was silent."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Payments column by column. ``verdict`` is an index; ``plant`` is -1 for what is no plant's."""

    us: Ints
    sender: Ints
    recipient: Ints
    amount: Ints
    device: Ints
    cash: npt.NDArray[np.bool_]
    verdict: npt.NDArray[np.int8]
    plant: npt.NDArray[np.int32]

    @classmethod
    def of(cls, *, us: Ints, sender: Any, recipient: Any, amount: Any, cash: Any = False, plant: int = -1) -> "Rows":
        """Rows from a phone each of their senders, allowed. What is shorter than ``us`` is filled
        up, ``cash`` with False."""
        count = len(us)
        sender = np.broadcast_to(np.asarray(sender, np.int64), count)
        flags = np.zeros(count, np.bool_)
        flags[: np.size(cash)] = cash
        return cls(
            us=us,
            sender=sender,
            recipient=np.where(flags, NOBODY, recipient) if plant >= 0 else np.asarray(recipient, np.int64),
            amount=np.broadcast_to(np.asarray(amount, np.int64), count),
            device=device_of(sender - 1),
            cash=flags,
            verdict=np.zeros(count, np.int8),
            plant=np.full(count, plant, np.int32),
        )

    def take(self, places: Ints) -> "Rows":
        return Rows(*(getattr(self, each.name)[places] for each in fields(self)))


@dataclass(frozen=True, slots=True)
class Plant:
    """One crime. ``members``: the accounts, or the device, that a detection may name. ``hard``: made so that a careful
    criminal might get away with it."""

    number: int
    typology: str
    members: tuple[int, ...]
    first_us: int
    last_us: int
    hard: bool = False


@dataclass(slots=True)
class Ground:
    """Where typologies are planted: old accounts to use, each once as a subject, and new ones as they are asked for."""

    rng: np.random.Generator
    old: Ints
    people: int
    start_us: int
    days: int
    opened_us: list[int] = field(default_factory=list)
    planted: list[Plant] = field(default_factory=list)
    rows: list[Rows] = field(default_factory=list)
    used: int = 0

    def subject(self) -> int:
        """An account of somebody with habits that no other plant has."""
        self.used += 1
        return int(self.old[self.used % (len(self.old) // 2)]) + 1

    def others(self, count: int) -> Ints:
        """Accounts of others with habits, who are never a subject."""
        return self.rng.choice(self.old[len(self.old) // 2 :], count, replace=False) + 1

    def newcomer(self, opened_us: int) -> int:
        self.opened_us.append(opened_us)
        return self.people + len(self.opened_us)

    def day_us(self, *, after: int = 8, room: int = 6) -> int:
        """The start of a day of the town, with ``room`` days left."""
        return self.start_us + int(self.rng.integers(after, self.days - room)) * DAY_US

    def spread(self, start_us: int, within_us: int, count: int) -> Ints:
        """So many moments, in order."""
        return np.sort(start_us + self.rng.integers(0, within_us, count))


@dataclass(frozen=True, slots=True)
class Sown:
    planted: list[Plant]
    rows: Rows
    opened_us: Ints


Made = tuple[Sequence[int], list[dict[str, Any]], bool]
"""Members, columns of rows, and whether it is a hard one."""


def device_of(person: Any) -> Any:
    """The first phone of somebody, by number from 0."""
    return (person + 1) * 8


def sow(of_each: int, rng: np.random.Generator, *, old: Ints, people: int, start_us: int, days: int) -> Sown:
    """So many of each typology. Dormant accounts need a long past: none in a short town."""
    ground = Ground(rng, rng.permutation(old), people, start_us, days)
    for typology, plant in TYPOLOGIES.items():
        if typology == "dormant_reactivation" and days < ASLEEP_DAYS + 20:
            continue
        for number in range(of_each):
            _keep(ground, typology, plant(ground, number))
    return Sown(ground.planted, joined(ground.rows), np.array(ground.opened_us, np.int64))


def joined(parts: Iterable[Rows]) -> Rows:
    """All of them, as they come."""
    parts = list(parts) or [Rows.of(us=np.zeros(0, np.int64), sender=0, recipient=np.zeros(0), amount=0)]
    return Rows(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Rows)))


def table(planted: Sequence[Plant]) -> pa.Table:
    """One row a plant."""
    return pa.table(
        {
            "plant": pa.array([one.number for one in planted], pa.int32()),
            "typology": pa.array([one.typology for one in planted], pa.string()),
            "members": pa.array([one.members for one in planted], pa.list_(pa.int64())),
            "first_us": pa.array([one.first_us for one in planted], pa.int64()),
            "last_us": pa.array([one.last_us for one in planted], pa.int64()),
            "hard": pa.array([one.hard for one in planted], pa.bool_()),
        }
    )


def _keep(ground: Ground, typology: str, made: Made) -> None:
    members, columns, hard = made
    number = len(ground.planted)
    parts = []
    for column in columns:
        device = column.pop("device", None)
        past = column.pop("past", False)
        rows = Rows.of(plant=number, **column)
        if device is not None:
            rows = Rows(**{each.name: getattr(rows, each.name) for each in fields(Rows)} | {"device": device})
        ground.rows.append(Rows.of(us=rows.us, **_innocent(column)) if past else rows)
        if not past:
            parts.append(rows.us)
    us = np.concatenate(parts)
    first, last = int(us.min()), int(us.max())
    ground.planted.append(Plant(number, typology, tuple(int(one) for one in members), first, last, hard))


def _innocent(column: dict[str, Any]) -> dict[str, Any]:
    return {name: column[name] for name in ("sender", "recipient", "amount")}


def _velocity_burst(ground: Ground, _: int) -> Made:
    """One account pays again and again within half an hour."""
    subject, count = ground.subject(), int(ground.rng.integers(30, 60))
    us = ground.spread(ground.day_us() + int(ground.rng.integers(0, 20)) * HOUR_US, HOUR_US // 2, count)
    recipient = ground.rng.choice(ground.others(12), count)
    return (
        [subject],
        [{"us": us, "sender": subject, "recipient": recipient, "amount": ground.rng.integers(20_00, 90_00, count)}],
        False,
    )


def _structuring(ground: Ground, _: int) -> Made:
    """Sums that would be looked at are cut into parts that are not, over two days."""
    subject, count = ground.subject(), int(ground.rng.integers(6, 11))
    us = ground.spread(ground.day_us(), 2 * DAY_US, count)
    recipient = ground.rng.choice(ground.others(3), count)
    amount = ground.rng.integers(2_900_00, 2_999_99, count)
    return [subject], [{"us": us, "sender": subject, "recipient": recipient, "amount": amount}], False


def _fan_in_mule(ground: Ground, _: int) -> Made:
    """Many pay one within six hours, who passes nearly all of it on within the next two."""
    mule, count = ground.subject(), int(ground.rng.integers(15, 31))
    start = ground.day_us() + int(ground.rng.integers(0, 16)) * HOUR_US
    taken = ground.rng.integers(50_00, 300_00, count)
    victims = {
        "us": ground.spread(start, 6 * HOUR_US, count),
        "sender": ground.others(count),
        "recipient": mule,
        "amount": taken,
    }
    total, parts = int(taken.sum() * ground.rng.uniform(0.92, 0.98)), int(ground.rng.integers(1, 4))
    passed = {
        "us": ground.spread(start + 6 * HOUR_US, 2 * HOUR_US, parts),
        "sender": mule,
        "recipient": ground.others(parts),
        "amount": total // parts,
        "cash": np.arange(parts) == 0,
    }
    return [mule], [victims, passed], False


def _fan_out(ground: Ground, _: int) -> Made:
    """One pays many who never heard of each other, within three hours."""
    subject, count = ground.subject(), int(ground.rng.integers(30, 51))
    us = ground.spread(ground.day_us() + int(ground.rng.integers(0, 20)) * HOUR_US, 3 * HOUR_US, count)
    amount = ground.rng.integers(40_00, 200_00, count)
    return [subject], [{"us": us, "sender": subject, "recipient": ground.others(count), "amount": amount}], False


def _cycle(ground: Ground, _: int) -> Made:
    """A pays B pays C pays A, nearly the same amount, within a day."""
    ring = [ground.subject() for _ in range(3)]
    us = ground.spread(ground.day_us(), 20 * HOUR_US, 3)
    amount = (int(ground.rng.integers(800_00, 4_000_00)) * np.array([1.0, 0.985, 0.97])).astype(np.int64)
    return ring, [{"us": us, "sender": ring, "recipient": [*ring[1:], ring[0]], "amount": amount}], False


def _new_account_cash_out(ground: Ground, number: int) -> Made:
    """An account opens, is paid, and takes it out. Each twelfth takes its time, as newcomers do."""
    hard = number % 12 == 11
    opened = ground.day_us(room=20) + int(ground.rng.integers(0, 24)) * HOUR_US
    subject, count = ground.newcomer(opened), int(ground.rng.integers(3, 7))
    taken = ground.rng.integers(200_00, 900_00, count)
    us = ground.spread(opened + HOUR_US, (9 * 24 if hard else 24) * HOUR_US, count)
    paid = {"us": us, "sender": ground.others(count), "recipient": subject, "amount": taken}
    cashed = {
        "us": us[-1:] + (3 * DAY_US if hard else int(ground.rng.integers(1, 12)) * HOUR_US),
        "sender": subject,
        "recipient": NOBODY,
        "amount": int(taken.sum() * ground.rng.uniform(0.9, 0.98)),
        "cash": True,
    }
    return [subject], [paid, cashed], hard


def _dormant_reactivation(ground: Ground, _: int) -> Made:
    """An account that was silent for months suddenly sends much."""
    subject = ground.newcomer(ground.start_us - int(ground.rng.integers(1, 40)) * DAY_US)
    past = {
        "us": ground.spread(ground.start_us, 8 * DAY_US, 5),
        "sender": subject,
        "recipient": ground.others(5),
        "amount": ground.rng.integers(5_00, 40_00, 5),
        "past": True,
    }
    count = int(ground.rng.integers(5, 10))
    sent = {
        "us": ground.spread(ground.day_us(after=10 + ASLEEP_DAYS), 20 * HOUR_US, count),
        "sender": subject,
        "recipient": ground.others(count),
        "amount": ground.rng.integers(400_00, 1_500_00, count),
    }
    return [subject], [past, sent], False


def _shared_device(ground: Ground, number: int) -> Made:
    """Accounts of many people, paid from one phone within days."""
    count = int(ground.rng.integers(6, 13))
    accounts = np.array([ground.subject() for _ in range(count)])
    device = 8 * (10**12 + number)
    sender = np.repeat(accounts, 2)
    us = ground.spread(ground.day_us(), 3 * DAY_US, 2 * count)
    paid = {
        "us": us,
        "sender": sender,
        "recipient": ground.others(2 * count),
        "amount": ground.rng.integers(50_00, 250_00, 2 * count),
        "device": np.full(2 * count, device, np.int64),
    }
    return [device, *accounts], [paid], False


TYPOLOGIES: dict[str, Callable[[Ground, int], Made]] = {
    "velocity_burst": _velocity_burst,
    "structuring": _structuring,
    "fan_in_mule": _fan_in_mule,
    "fan_out": _fan_out,
    "cycle": _cycle,
    "new_account_cash_out": _new_account_cash_out,
    "dormant_reactivation": _dormant_reactivation,
    "shared_device": _shared_device,
}
"""By the name of the detection that is to find it."""
