"""What counts in a window, and what is refused. Pure."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venmo_api.core.figures import Figures
from venmo_api.limits.rules import (
    Flow,
    LimitExceeded,
    Meter,
    NewDeviceLimit,
    Standing,
    Use,
    Window,
    horizon,
    lasts,
    limit,
)

ALICE, BOB = UUID(int=1), UUID(int=2)
AT = datetime(2036, 11, 20, tzinfo=UTC)
FIGURES = Figures()


def _meter(flow: Flow = Flow.SENT, **windows: Window) -> Meter:
    return Meter(flow, FIGURES, {UUID(int=int(number[1:])): window for number, window in windows.items()})


def test_the_figures() -> None:
    told = {
        (flow, verified): limit(flow, verified=verified, figures=FIGURES) for flow in Flow for verified in (False, True)
    }
    assert told == {
        (Flow.SENT, False): 299_99,
        (Flow.SENT, True): 60_000_00,
        (Flow.TOPPED_UP, False): 10_000_00,
        (Flow.TOPPED_UP, True): 10_000_00,
        (Flow.CASHED_OUT, False): 999_99,
        (Flow.CASHED_OUT, True): 19_999_99,
        (Flow.SENT_NEW_DEVICE, False): 100_00,
        (Flow.SENT_NEW_DEVICE, True): 100_00,
    }


def test_what_is_used_counts_for_the_next_of_the_same_person_and_no_other() -> None:
    meter = _meter(c1=Window(), c2=Window(), c3=Window())
    meter.use(UUID(int=1), ALICE, 299_99, at=AT, verified=False)
    with pytest.raises(LimitExceeded) as refused:
        meter.use(UUID(int=2), ALICE, 1, at=AT, verified=False)
    assert refused.value.extra == {"limit": Flow.SENT, "limit_amount": 299_99, "left": 0}
    meter.use(UUID(int=3), BOB, 299_99, at=AT, verified=False)
    assert [(use.user_id, use.total) for use in meter.uses] == [(ALICE, 299_99), (BOB, 299_99)]


def test_a_refused_use_counts_nothing() -> None:
    meter = _meter(c1=Window(), c2=Window())
    with pytest.raises(LimitExceeded):
        meter.use(UUID(int=1), ALICE, 300_00, at=AT, verified=False)
    assert meter.uses == []
    meter.use(UUID(int=2), ALICE, 299_99, at=AT, verified=False)


def test_what_is_expired_no_longer_counts_and_totals_go_on() -> None:
    meter = _meter(c1=Window(total=1_000_00, expired=900_00, last_at=AT - timedelta(days=1)))
    used = meter.use(UUID(int=1), ALICE, 199_99, at=AT, verified=False)
    assert used == Use(ALICE, Flow.SENT, AT, 199_99, 1_199_99)


def test_times_never_step_back() -> None:
    meter = _meter(c1=Window(total=1, expired=0, last_at=AT))
    assert meter.use(UUID(int=1), ALICE, 1, at=AT - timedelta(seconds=1), verified=False).at == AT


def test_the_horizon_itself_no_longer_counts() -> None:
    assert horizon(Flow.SENT, AT, FIGURES) == AT - timedelta(days=7)


def test_nobody_who_lost_their_verification_is_told_less_than_nothing() -> None:
    meter = _meter(c1=Window(total=50_000_00))
    with pytest.raises(LimitExceeded) as refused:
        meter.use(UUID(int=1), ALICE, 1, at=AT, verified=False)
    assert refused.value.extra["left"] == 0


@pytest.mark.parametrize(
    ("flow", "verified", "sentence"),
    [
        (
            Flow.SENT,
            False,
            "You may send $299.99 in any seven days and $299.98 of it is left; {}, or verify your identity.",
        ),
        (Flow.SENT, True, "You may send $60,000.00 in any seven days and $59,999.99 of it is left; {}."),
        (
            Flow.CASHED_OUT,
            False,
            "You may move to banks $999.99 in any seven days and $999.98 of it is left; {}, or verify your identity.",
        ),
        (
            Flow.TOPPED_UP,
            False,
            "You may add to your wallet $10,000.00 in any seven days and $9,999.99 of it is left; {}.",
        ),
    ],
)
def test_a_refusal_says_what_is_left_and_advises_verifying_where_it_helps(
    flow: Flow, verified: bool, sentence: str
) -> None:
    meter = _meter(flow, c1=Window(total=1))
    with pytest.raises(LimitExceeded) as refused:
        meter.use(UUID(int=1), ALICE, 60_000_01, at=AT, verified=verified)
    advice = "choose a smaller amount, wait until earlier ones no longer count"
    assert refused.value.detail == sentence.format(advice)
    assert refused.value.code == "limit_exceeded"


@given(most=st.integers(0, 1000), used=st.integers(0, 2000))
def test_what_is_left_of_a_limit_is_never_less_than_nothing(most: int, used: int) -> None:
    left = Standing(Flow.SENT, most, used, 7 * 24 * 3600, ()).left
    assert left == (most - used if used < most else 0)


@given(st.lists(st.tuples(st.integers(1, 200_00), st.integers(0, 3 * 24 * 3600)), max_size=40))
def test_no_window_ever_holds_more_than_the_limit(steps: list[tuple[int, int]]) -> None:
    """However amounts and pauses fall: an oracle that adds up every window."""
    uses: list[Use] = []
    now = AT
    for number, (amount, pause) in enumerate(steps):
        now += timedelta(seconds=pause)
        past = [use for use in uses if use.at <= horizon(Flow.SENT, now, FIGURES)]
        window = Window(uses[-1].total, past[-1].total if past else 0, uses[-1].at) if uses else Window()
        meter = Meter(Flow.SENT, FIGURES, {UUID(int=number): window})
        counting = sum(use.amount for use in uses if use.at > horizon(Flow.SENT, now, FIGURES))
        if counting + amount > 299_99:
            with pytest.raises(LimitExceeded):
                meter.use(UUID(int=number), ALICE, amount, at=now, verified=False)
        else:
            uses.append(meter.use(UUID(int=number), ALICE, amount, at=now, verified=False))
    for use in uses:
        held = sum(one.amount for one in uses if horizon(Flow.SENT, use.at, FIGURES) < one.at <= use.at)
        assert held <= 299_99


def _new_device_meter(*commands: int, flow: Flow = Flow.SENT, others: int = 0) -> Meter:
    """A meter of which these commands come from a new device, and so many others do not."""
    new = {UUID(int=one): Window() for one in commands}
    rest = {UUID(int=100 + one): Window() for one in range(others)}
    return Meter(flow, FIGURES, new | rest, new_device=Meter(Flow.SENT_NEW_DEVICE, FIGURES, new))


def test_what_a_new_device_sends_counts_twice_and_what_others_send_once() -> None:
    meter = _new_device_meter(1, 2, others=1)
    assert meter.new_device is not None
    meter.use(UUID(int=1), ALICE, 60_00, at=AT, verified=False)
    meter.use(UUID(int=100), ALICE, 150_00, at=AT, verified=False)
    with pytest.raises(NewDeviceLimit) as refused:
        meter.use(UUID(int=2), ALICE, 40_01, at=AT, verified=True)
    assert refused.value.extra == {"limit": Flow.SENT_NEW_DEVICE, "limit_amount": 100_00, "left": 40_00}
    assert refused.value.detail == (
        "A new device may send $100.00 on its first day and $40.00 of it is left; choose a smaller amount, use a "
        "device you have had for longer, or show a second factor on this one."
    )
    meter.use(UUID(int=2), ALICE, 40_00, at=AT, verified=False)
    assert {(use.user_id, use.at) for use in meter.new_device.uses} == {(ALICE, AT)}
    with pytest.raises(NewDeviceLimit) as refused:
        meter.use(UUID(int=1), ALICE, 1, at=AT, verified=False)
    assert refused.value.extra["left"] == 0
    assert [(use.flow, use.amount, use.total) for use in meter.uses] == [
        (Flow.SENT, 60_00, 60_00),
        (Flow.SENT, 150_00, 210_00),
        (Flow.SENT, 40_00, 250_00),
    ]
    assert [(use.flow, use.amount, use.total) for use in meter.new_device.uses] == [
        (Flow.SENT_NEW_DEVICE, 60_00, 60_00),
        (Flow.SENT_NEW_DEVICE, 40_00, 100_00),
    ]


@given(st.lists(st.tuples(st.integers(1, 150_00), st.booleans()), max_size=12))
def test_a_new_device_never_passes_its_limit_and_a_refusal_counts_in_neither(tries: list[tuple[int, bool]]) -> None:
    new = [number for number, (_, is_new) in enumerate(tries, 1) if is_new]
    windows = {UUID(int=number): Window() for number in range(1, len(tries) + 1)}
    of_new = Meter(Flow.SENT_NEW_DEVICE, FIGURES, {UUID(int=number): Window() for number in new})
    meter = Meter(Flow.SENT, FIGURES, windows, new_device=of_new)
    for number, (amount, _) in enumerate(tries, 1):
        before = (list(meter.uses), list(of_new.uses))
        try:
            meter.use(UUID(int=number), ALICE, amount, at=AT, verified=False)
        except (LimitExceeded, NewDeviceLimit):
            assert (meter.uses, of_new.uses) == before
    assert sum(use.amount for use in of_new.uses) <= FIGURES.new_device_sent
    assert sum(use.amount for use in meter.uses) <= FIGURES.sent_unverified
    assert len(of_new.uses) <= len(meter.uses)


def test_what_new_devices_sent_counts_for_a_day_and_all_else_for_a_week() -> None:
    assert {flow: lasts(flow, FIGURES) for flow in Flow} == {
        Flow.SENT: timedelta(days=7),
        Flow.TOPPED_UP: timedelta(days=7),
        Flow.CASHED_OUT: timedelta(days=7),
        Flow.SENT_NEW_DEVICE: timedelta(days=1),
    }
    assert horizon(Flow.SENT_NEW_DEVICE, AT, FIGURES) == AT - timedelta(days=1)
