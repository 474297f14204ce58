"""Statements add up or are not made; periods, moments and the states of transfers."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venmo_api.core.errors import InvalidField
from venmo_api.statements import rules
from venmo_api.statements.rules import (
    CashOut,
    Line,
    LineType,
    NotYetMade,
    Particulars,
    Payment,
    Period,
    Statement,
    WrongStatement,
)
from venmo_api.transfers.rules import Status
from venmo_api.users.rules import Card

ALICE = Card(UUID(int=1), "alice", "Alice Ant", None)
BOB = Card(UUID(int=2), "bob", "Bob Bee", None)
NOVEMBER = Period(date(2026, 11, 1), date(2026, 11, 30))
ID = UUID(int=9)


def lines(opening: int, amounts: list[int], period: Period = NOVEMBER) -> tuple[Line, ...]:
    step = (period.end - period.start) / (len(amounts) + 1)
    return tuple(
        Line(f"tr_{n}", LineType.PAYMENT, period.start + n * step, amount, balance)
        for n, (amount, balance) in enumerate(zip(amounts, list(accumulate(amounts, initial=opening))[1:], strict=True))
    )


def statement(opening: int, made: tuple[Line, ...], closing: int, period: Period = NOVEMBER) -> Statement:
    return Statement(ALICE, period, opening, made, closing, 0)


amounts = st.lists(st.integers(-(10**9), 10**9).filter(bool), max_size=20)


@given(opening=st.integers(0, 10**9), moved=amounts)
def test_what_adds_up_is_a_statement(opening: int, moved: list[int]) -> None:
    made = statement(opening, lines(opening, moved), opening + sum(moved))
    assert made.opening + made.money_in - made.money_out == made.closing


@given(opening=st.integers(0, 10**9), moved=amounts.filter(bool), data=st.data())
def test_what_does_not_add_up_at_every_step_is_never_made(opening: int, moved: list[int], data: st.DataObject) -> None:
    made, closing = lines(opening, moved), opening + sum(moved)
    off = data.draw(st.integers(-100, 100).filter(bool))
    number = data.draw(st.integers(0, len(made) - 1))
    before, one, after = made[:number], made[number], made[number + 1 :]
    wrong = [
        (opening + off, made, closing),
        (opening, made, closing + off),
        (opening, (*before, *after), closing),
        (opening, (*before, one, one, *after), closing),
        (opening, (*before, replace(one, amount=one.amount + off), *after), closing),
        (opening, (*before, replace(one, balance=one.balance + off), *after), closing),
    ]
    for each in wrong:
        with pytest.raises(WrongStatement):
            statement(*each)


@given(opening=st.integers(0, 10**9), moved=amounts, cuts=st.sets(st.integers(1, 29)))
def test_a_period_split_anywhere_opens_with_what_the_one_before_closed(
    opening: int, moved: list[int], cuts: set[int]
) -> None:
    whole = lines(opening, moved)
    balance, parts = opening, []
    for first, last in pairwise([0, *sorted(cuts), 30]):
        period = Period(date(2026, 11, first + 1), date(2026, 11, last))
        inside = tuple(line for line in whole if period.start <= line.at < period.end)
        closing = inside[-1].balance if inside else balance
        parts.append(statement(balance, inside, closing, period))
        balance = closing
    assert parts[-1].closing == opening + sum(moved)
    assert tuple(line for part in parts for line in part.lines) == whole
    assert sum(part.money_in for part in parts) == statement(opening, whole, balance).money_in


def test_a_line_outside_the_period_or_out_of_order_is_refused() -> None:
    one, two = lines(0, [1, 2])
    for moved in (NOVEMBER.end, NOVEMBER.start - timedelta(microseconds=1)):
        with pytest.raises(WrongStatement):
            statement(0, (replace(one, at=moved),), 1)
    with pytest.raises(WrongStatement):
        statement(0, (replace(one, at=two.at), replace(two, at=one.at)), 3)


def test_without_days_a_statement_is_of_this_month_so_far() -> None:
    today = date(2026, 3, 17)
    assert rules.period(None, None, today=today) == Period(date(2026, 3, 1), today)
    assert rules.period(None, date(2025, 12, 24), today=today) == Period(date(2025, 12, 1), date(2025, 12, 24))
    assert rules.period(date(2025, 12, 24), None, today=today) == Period(date(2025, 12, 24), today)
    whole = rules.period(date(2024, 1, 1), date(2024, 12, 31), today=today)
    assert (whole.end - whole.start).days == 366
    assert whole.year == datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "last", "pointer"),
    [
        (None, date(2026, 3, 18), "?end"),
        (date(2026, 3, 18), None, "?start"),
        (date(2026, 3, 2), date(2026, 3, 1), "?start"),
        (date(2025, 3, 16), date(2026, 3, 17), "?start"),
        (date(1, 1, 1), None, "?start"),
    ],
)
def test_days_that_cannot_be_a_period_are_refused(first: date | None, last: date | None, pointer: str) -> None:
    with pytest.raises(InvalidField) as refused:
        rules.period(first, last, today=date(2026, 3, 17))
    assert refused.value.fields[0].pointer == pointer


def test_a_moment_is_all_of_its_millisecond_and_has_passed() -> None:
    now = datetime(2026, 3, 17, 12, tzinfo=UTC)
    asked = now - timedelta(microseconds=1)
    assert rules.moment(asked.replace(microsecond=123_456), now=now).microsecond == 123_999
    with pytest.raises(InvalidField):
        rules.moment(now + timedelta(microseconds=1), now=now)


def particulars(paid: Payment | None = None) -> Particulars:
    return Particulars(
        payments={ID: paid} if paid else {},
        cash_outs={ID: CashOut(25, True)},
        sources={ID: "Bank *0000"},
        people={ALICE.id: ALICE, BOB.id: BOB},
    )


def line(kind: str, known: Particulars, amount: int = -500) -> Line:
    return rules.line(ID, kind, amount=amount, balance=0, at=NOVEMBER.start, owner=ALICE, particulars=known)


def test_a_payment_is_seen_from_both_sides() -> None:
    sent = line("transfer", particulars(Payment(ALICE.id, BOB.id, "pizza", 15, 20, False)))
    assert (sent.type, sent.sender, sent.recipient, sent.other, sent.fee) == (
        "Payment",
        "Alice Ant",
        "Bob Bee",
        BOB,
        15,
    )
    assert (sent.note, sent.funding_source, sent.destination) == ("pizza", "Venmo balance", "")
    got = line("transfer", particulars(Payment(BOB.id, ALICE.id, "pizza", 15, 20, False)), 480)
    assert (got.sender, got.recipient, got.other, got.fee) == ("Bob Bee", "Alice Ant", BOB, 20)
    assert (got.funding_source, got.destination) == ("", "Venmo balance")


def test_a_charge_is_from_whoever_asked_for_the_money() -> None:
    paid = line("transfer", particulars(Payment(ALICE.id, BOB.id, "rent", 0, 0, True)))
    assert (paid.type, paid.sender, paid.recipient) == ("Charge", "Bob Bee", "Alice Ant")
    assert line("refund", particulars(Payment(BOB.id, ALICE.id, "rent", 0, 0, False)), 5).type is LineType.REFUND


def test_what_is_not_between_people_names_where_the_money_came_from_or_went() -> None:
    found = {
        kind: (each.type.value, each.funding_source, each.destination, each.fee, each.status, each.id[:4])
        for kind in ("top_up", "funding", "cash_out", "repayment", "advance")
        for each in [line(kind, particulars())]
    }
    assert found == {
        "top_up": ("Top Up", "Bank *0000", "Venmo balance", 0, "Complete", "top_"),
        "funding": ("Card Funding", "Bank *0000", "Venmo balance", 0, "Complete", "ltx_"),
        "cash_out": ("Instant Transfer", "Venmo balance", "Bank *0000", 25, "Issued", "out_"),
        "repayment": ("Debt Repayment", "Venmo balance", "", 0, "Complete", "ltx_"),
        "advance": ("Advance", "", "Venmo balance", 0, "Complete", "ltx_"),
    }


@pytest.mark.parametrize("kind", ["transfer", "refund", "something_new"])
def test_an_entry_nothing_is_known_of_is_a_defect(kind: str) -> None:
    with pytest.raises(WrongStatement):
        line(kind, particulars())


def test_the_states_of_a_transfer() -> None:
    made, ended = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
    refunds = [(ended + timedelta(days=1), 30), (ended + timedelta(days=2), 70)]
    states = rules.states(Status.SETTLED, created_at=made, ended_at=ended, refunds=refunds)
    assert [(state.status, state.at.day, state.refunded) for state in states] == [
        ("pending", 1, 0),
        ("settled", 2, 0),
        ("settled", 3, 30),
        ("settled", 4, 100),
    ]
    assert [state.at for state in rules.until(states, ended)] == [made, ended]
    assert rules.states(Status.SETTLED, created_at=made, ended_at=None, refunds=[])[0].status is Status.SETTLED
    with pytest.raises(NotYetMade):
        rules.until(states, made - timedelta(microseconds=1))
