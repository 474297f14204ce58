"""Each detection at its edge: what is just enough is found, what just is not, is not."""

from collections.abc import Iterable

import pyarrow as pa
import pytest

from venmo_api.analytics import engines, inputs
from venmo_api.analytics.inputs import ACCOUNTS, ALWAYS, PAYMENTS
from venmo_api.analytics.typologies import (
    BURST,
    CYCLE,
    DAY_US,
    DORMANT,
    FAN_IN,
    FAN_OUT,
    HOUR_US,
    NAMED,
    NEW_ACCOUNT,
    SHARED_DEVICE,
    STRUCTURING,
    TYPOLOGIES,
)

NOON = 20_000 * DAY_US + 12 * HOUR_US
OLD = NOON - 1_000 * DAY_US
STRANGER = 10**6
Row = tuple[int, str, int, int, int, int, str]


def paid(us: int, sender: int, recipient: int, amount: int = 1_000, *, device: int = 0, verdict: str = "allow") -> Row:
    return us, "payment", sender, recipient, amount, device, verdict


def cashed(us: int, sender: int, amount: int) -> Row:
    return us, "cash_out", sender, 0, amount, 0, "allow"


def burst(sender: int, count: int, *, hours: float = 1, verdict: str = "allow") -> list[Row]:
    """To one person, over exactly so many hours."""
    step = int(hours * HOUR_US) // (count - 1)
    last = NOON + int(hours * HOUR_US)
    moments = [NOON + n * step for n in range(count - 1)] + [last]
    return [paid(us, sender, STRANGER, verdict=verdict) for us in moments]


def mule(account: int, *, senders: int, percent: int, amount: int = 10_000) -> list[Row]:
    came = [paid(NOON + n, STRANGER + n, account, amount) for n in range(senders)]
    return [*came, paid(NOON + HOUR_US, account, 7, senders * amount * percent // 100)]


def ring(first: int, amounts: tuple[int, int, int], *, hours: int = 24) -> list[Row]:
    a, b, c = first, first + 1, first + 2
    return [
        paid(NOON, a, b, amounts[0]),
        paid(NOON + HOUR_US, b, c, amounts[1]),
        paid(NOON + hours * HOUR_US, c, a, amounts[2]),
    ]


def woken(account: int, *, days: int, amount: int) -> list[Row]:
    return [paid(NOON - days * DAY_US, account, STRANGER), paid(NOON, account, STRANGER, amount)]


def device(number: int, accounts: int) -> list[Row]:
    return [paid(NOON + n * HOUR_US, STRANGER + n, 7, device=number) for n in range(accounts)]


def of_one_threshold(sender: int, amounts: Iterable[int]) -> list[Row]:
    return [paid(NOON + n * 20 * HOUR_US, sender, STRANGER, amount) for n, amount in enumerate(amounts)]


UNDER = STRUCTURING.thresholds[0]
OPENED = {31: OLD, 32: OLD, 33: NOON - 30 * DAY_US, 41: NOON - HOUR_US, 42: NOON - HOUR_US, 43: NOON - 8 * DAY_US}
CASES: dict[str, list[Row]] = {
    "velocity_burst 1": burst(1, BURST.count),
    "- 2, one too few": burst(2, BURST.count - 1),
    "- 3, too slow by a microsecond": [*burst(3, BURST.count)[:-1], paid(NOON + HOUR_US + 1, 3, STRANGER)],
    "- 4, declined": burst(4, BURST.count, verdict="deny"),
    "- 5, never paid out": burst(5, BURST.count, verdict="ended"),
    "velocity_burst 6": burst(6, BURST.count, verdict="review"),
    "structuring 11": of_one_threshold(11, [UNDER - 1, UNDER - 1, UNDER * 9 // 10, UNDER - 1]),
    "- 12, one at the threshold": of_one_threshold(12, [UNDER - 1, UNDER - 1, UNDER, UNDER - 1]),
    "- 13, one too low": of_one_threshold(13, [UNDER - 1, UNDER - 1, UNDER * 9 // 10 - 1, UNDER - 1]),
    "fan_in_mule 21": mule(21, senders=FAN_IN.senders, percent=FAN_IN.percent),
    "- 22, keeps more": mule(22, senders=FAN_IN.senders, percent=FAN_IN.percent - 1),
    "- 23, of fewer": mule(23, senders=FAN_IN.senders - 1, percent=100, amount=20_000),
    "- 24, of little": mule(24, senders=FAN_IN.senders, percent=100, amount=FAN_IN.amount // FAN_IN.senders - 1),
    "dormant_reactivation 31": woken(31, days=DORMANT.days, amount=DORMANT.amount),
    "- 32, a day less": woken(32, days=DORMANT.days - 1, amount=DORMANT.amount),
    "- 33, young": [paid(NOON, 33, STRANGER, DORMANT.amount)],
    "new_account_cash_out 41": [
        paid(NOON, 7, 41, NEW_ACCOUNT.amount),
        cashed(NOON + 1, 41, NEW_ACCOUNT.amount * 8 // 10),
    ],
    "- 42, keeps more": [paid(NOON, 7, 42, NEW_ACCOUNT.amount), cashed(NOON + 1, 42, NEW_ACCOUNT.amount * 8 // 10 - 1)],
    "- 43, older": [paid(NOON, 7, 43, NEW_ACCOUNT.amount), cashed(NOON + 1, 43, NEW_ACCOUNT.amount)],
    "fan_out 51": [paid(NOON + n * HOUR_US, 51, STRANGER + n) for n in range(FAN_OUT.recipients)],
    "- 52, some twice": [paid(NOON + n * HOUR_US, 52, STRANGER + n % 19) for n in range(FAN_OUT.recipients)],
    "cycle 61": ring(61, (CYCLE.amount, CYCLE.amount * 7 // 10, CYCLE.amount * 49 // 100)),
    "- 64, too small": ring(64, (CYCLE.amount - 1,) * 3),
    "- 67, too late": ring(67, (CYCLE.amount,) * 3, hours=25),
    "- 70, keeps more": ring(70, (CYCLE.amount, CYCLE.amount * 7 // 10 - 1, CYCLE.amount * 7 // 10 - 1)),
    "shared_device 81": device(81, SHARED_DEVICE.accounts),
    "- 82, one too few": device(82, SHARED_DEVICE.accounts - 1),
}


@pytest.fixture(scope="module")
def told() -> engines.Told:
    rows = [row for case in CASES.values() for row in case]
    numbered = [(number, *row) for number, row in enumerate(rows, start=1)]
    made = inputs.of_tables(inputs.tables(numbered, PAYMENTS), inputs.tables(OPENED.items(), ACCOUNTS))
    with engines.duckdb(made) as engine:
        return engines.run(engine, ALWAYS, lambda _: None)


def test_what_is_enough_is_found_and_what_is_not_is_not(told: engines.Told) -> None:
    findings = told.findings.to_pylist()
    found = {f"{one['detector']} {one['subject']}" for one in findings}
    assert found == {name for name in CASES if not name.startswith("-")}
    assert {one["score"] for one in findings} == {100}  # all of them are just enough


def test_findings_are_of_a_day_and_rest_on_what_lies_before(told: engines.Told) -> None:
    for one in told.findings.to_pylist():
        assert one["window_start_us"] % DAY_US == 0
        assert one["window_end_us"] - one["window_start_us"] == DAY_US
        assert one["window_start_us"] <= one["to_us"] < one["window_end_us"]
    borne: dict[tuple[str, int], list[int]] = {}
    for leg in told.evidence.to_pylist():
        borne.setdefault((leg["detector"], leg["subject"]), []).append(leg["amount"])
    assert len(borne["velocity_burst", 1]) == BURST.count
    assert sorted(borne["cycle", 61]) == [9_800, 14_000, 20_000]
    assert sum(borne["fan_in_mule", 21]) == 10_000 * FAN_IN.senders * (100 + FAN_IN.percent) // 100
    assert sorted(borne["new_account_cash_out", 41]) == [NEW_ACCOUNT.amount * 8 // 10, NEW_ACCOUNT.amount]


def test_nothing_is_found_in_nothing() -> None:
    with engines.duckdb(inputs.of_tables(PAYMENTS.empty_table(), ACCOUNTS.empty_table())) as engine:
        told = engines.run(engine, ALWAYS, lambda _: None)
    assert told.findings.num_rows == told.evidence.num_rows == 0


def test_ids_are_numbers_that_tell_them_apart() -> None:
    ids = pa.array([bytes([n]) * 8 + bytes([n // 2]) * 8 for n in range(100)], pa.binary(16))
    assert len(set(inputs.numbers(ids).tolist())) == 100
    assert inputs.numbers(ids[40:]).tolist() == inputs.numbers(ids)[40:].tolist()
    assert inputs.numbers(pa.array([bytes(16)], pa.binary(16))).tolist() == [inputs.NOBODY]


def test_every_typology_has_a_detection_and_looks_back_far_enough() -> None:
    from venmo_api.analytics.detections import DETECTIONS

    assert set(DETECTIONS) == set(NAMED)
    assert all(each.lookback_hours >= getattr(each.parameters, "hours", 0) for each in TYPOLOGIES)
