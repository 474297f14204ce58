"""What counters say is what the definition of each feature says of the whole history, however long it is."""

import random
from uuid import UUID

import pytest

from tests.risk import history
from tests.risk.history import Done
from venmo_api.risk import counters, features
from venmo_api.risk.counters import Counters, Party, Unreadable, key_of
from venmo_api.risk.desk import Asked, Desk, Known, Side, moment
from venmo_api.risk.features import DAY_US, HOUR_US, INDEX, NAMES, SPECS, Flow
from venmo_api.risk.rules import DecisionKind

START_US = 1_790_000_000_000_000
AMOUNTS = (1, 1250, 2_800_00, 9_500_00, 40_000_00)


def _town(people: int, payments: int, rng: random.Random) -> tuple[list[Done], dict[UUID, int]]:
    """Payments minutes to weeks apart; people with low numbers are in most of them."""
    ids = [UUID(int=rng.getrandbits(128)) for _ in range(people)]
    opened = {one: START_US - rng.randrange(-DAY_US, 90 * DAY_US) for one in ids}
    us, done = START_US, []
    for _ in range(payments):
        us += 1 + int(rng.choice((1_000_000, HOUR_US / 4, 3 * HOUR_US, 2 * DAY_US)) * rng.random())
        sender, recipient = rng.sample(ids[: rng.choice((2, people))], 2)
        kind = rng.random()
        cash_out, denied = kind < 0.1, rng.random() < 0.1
        other = None if kind < 0.15 else recipient
        done.append(Done(us, sender, other, rng.choice(AMOUNTS), cash_out, denied))
    return done, opened


def _asked(number: int, one: Done, opened: dict[UUID, int]) -> Asked:
    return Asked(
        UUID(int=number),
        DecisionKind.CASH_OUT if one.cash_out else DecisionKind.PAYMENT,
        Side(one.sender, moment(opened[one.sender])),
        Side(one.recipient, moment(opened[one.recipient])) if one.recipient else None,
        one.amount,
        moment(one.us),
    )


@pytest.mark.parametrize(("people", "payments", "seed"), [(3, 300, 1), (12, 300, 2), (120, 400, 3)])
def test_counters_say_what_the_whole_history_says(people: int, payments: int, seed: int) -> None:
    done, opened = _town(people, payments, random.Random(seed))
    kept: dict[UUID, str] = {}
    for number, one in enumerate(done):
        asked = _asked(number, one, opened)
        sides = [side.id for side in (asked.sender, asked.recipient) if side]
        desk = Desk(known={side: Known(kept.get(side)) for side in sides})
        judged = desk.judge(asked)
        expected = history.vector(done[:number], one, opened)
        assert dict(zip(NAMES, judged.facts.features, strict=True)) == dict(zip(NAMES, expected, strict=True))
        if not one.denied:
            desk.keep(judged)
            kept |= {side: desk.seats[side].counters.dumped() for side in sides}
    assert max(map(len, kept.values())) < 4_000


def test_more_than_can_be_remembered_saturates_exactly() -> None:
    rng, us, done = random.Random(4), START_US, []
    me, others = UUID(int=1), [UUID(int=rng.getrandbits(128)) for _ in range(90)]
    opened = dict.fromkeys([me, *others], START_US - DAY_US)
    mine, seen = Counters(), set()
    for _ in range(400):
        us += int(rng.random() * 0.9 * DAY_US)
        other = rng.choice(others[: 60 if us < START_US + 70 * DAY_US else 90])
        one = Done(us, me, other, 100)
        expected = history.vector(done, one, opened)
        read = counters.read(100, Party(1, opened[me], mine), Party(key_of(other), 0, Counters()), us=us)
        for name in ("sender_payees_30d", "pair_new_payee"):
            assert read[INDEX[name]] == expected[INDEX[name]]
        seen.add(read[INDEX["sender_payees_30d"]])
        mine.count(Flow.SENT, 100, us=us, other=key_of(other))
        done.append(one)
    assert len(seen) > 30


def test_a_planted_defect_is_seen_a_window_of_an_hour_too_few(monkeypatch: pytest.MonkeyPatch) -> None:
    side = counters._SENDER
    shorter = tuple(counters._Window(window.reach - 1, window.picks) for window in side.hourly)
    broken = counters._Side(shorter, side.daily, side.payees, side.payers, side.ages)
    monkeypatch.setattr(counters, "_SENDER", broken)
    with pytest.raises(AssertionError):
        test_counters_say_what_the_whole_history_says(3, 300, 1)


def test_what_most_people_have_counted_takes_little_room() -> None:
    mine = Counters(last_us=START_US)
    for day in range(5):
        mine.count(Flow.SENT, 1250, us=START_US + day * DAY_US, other=2**47 + day)
    assert len(mine.dumped()) < 330
    assert counters.loaded(mine.dumped()) == mine


@pytest.mark.parametrize(
    "record", ["", "{", "[]", "[1,2,3,4,5]", "[0,0,[[1,2]],[],[],[]]", "[0,0,[],[],[1],[]]", "null"]
)
def test_a_record_that_nobody_wrote_is_told(record: str) -> None:
    with pytest.raises(Unreadable):
        counters.loaded(record)


def test_the_table_of_features_names_each_once_and_asks_for_no_window_twice() -> None:
    assert len(set(NAMES)) == len(NAMES) == len(SPECS)
    assert [name for name, spec in zip(NAMES, SPECS, strict=True) if spec.hours and spec.days] == []
    assert features.unpacked(features.packed(range(len(SPECS)))) == list(range(len(SPECS)))
