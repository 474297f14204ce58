"""The open book: money moves whole or not at all, and every entry proves itself."""

import copy
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venmo_api.ledger.book import TICK, Book, Entry, OpenAccount, OpenHold, Posting
from venmo_api.ledger.rules import UNBOUNDED, InsufficientFunds, UnbalancedPosting, bank_account, bank_stripe

NOW = datetime(2026, 11, 20, tzinfo=UTC)
A, B, C, D = (UUID(int=number) for number in range(1, 5))
ACCOUNTS = (A, B, C, D)


def _book(**balances: int) -> Book:
    return Book.of(
        OpenAccount(account, balances.get(name, 0), 0, 0, 7) for name, account in zip("abcd", ACCOUNTS, strict=True)
    )


def _posting(*lines: tuple[UUID, int], number: int = 1) -> Posting:
    return Posting(UUID(int=1000 + number), "transfer", NOW, lines)


def test_a_payment_is_two_entries_with_running_balance_and_next_version() -> None:
    book = _book(a=500)
    posting = _posting((A, -200), (B, 200))
    assert book.post(posting) == posting
    assert book.entries == [Entry(posting.id, A, 8, -200, 300, NOW), Entry(posting.id, B, 8, 200, 200, NOW)]
    assert (book.accounts[A].balance, book.accounts[B].balance) == (300, 200)
    assert (book.accounts[A].version, book.accounts[B].version, book.accounts[C].version) == (8, 8, 7)
    assert book.postings == [posting]


def test_the_whole_balance_may_leave_and_not_a_cent_more() -> None:
    book = _book(a=500)
    with pytest.raises(InsufficientFunds):
        book.post(_posting((A, -501), (B, 501)))
    book.post(_posting((A, -500), (B, 500)))
    with pytest.raises(InsufficientFunds):
        book.post(_posting((A, -1), (B, 1)))


def test_held_money_is_not_spendable() -> None:
    book = Book.of([OpenAccount(A, 500, 300, 0, 1), OpenAccount(B, 0, 0, 0, 1)])
    assert book.accounts[A].available == 200
    with pytest.raises(InsufficientFunds):
        book.post(_posting((A, -201), (B, 201)))
    book.post(_posting((A, -200), (B, 200)))
    assert (book.accounts[A].balance, book.accounts[A].held, book.accounts[A].available) == (300, 300, 0)


def test_a_floor_below_zero_may_be_reached_and_not_passed() -> None:
    book = Book.of([OpenAccount(A, 0, 0, -100, 0), OpenAccount(B, 0, 0, 0, 0)])
    with pytest.raises(InsufficientFunds):
        book.post(_posting((A, -101), (B, 101)))
    book.post(_posting((A, -100), (B, 100)))
    assert book.accounts[A].balance == -100


def test_money_received_in_a_batch_can_be_spent_later_in_it() -> None:
    book = _book(a=100)
    book.post(_posting((A, -100), (B, 100), number=1))
    book.post(_posting((B, -100), (C, 100), number=2))
    assert [book.accounts[account].balance for account in (A, B, C)] == [0, 0, 100]


def test_a_book_knows_the_holds_it_was_opened_with_and_which_of_them_changed() -> None:
    first, second, third = (OpenHold(UUID(int=number), A, 100, 30, True, NOW) for number in (101, 102, 103))
    book = Book.of([OpenAccount(A, 300, 210, 0, 0)], [first, second, third])
    assert (book.holds, book.changed_holds) == ({first.id: first, second.id: second, third.id: third}, set())
    book.capture(first.id, 20)
    assert book.changed_holds == {first.id}
    assert book.release(second.id, at=NOW) == 70
    assert book.changed_holds == {first.id, second.id}


def test_a_posting_may_have_many_lines() -> None:
    book = _book(a=100)
    book.post(_posting((A, -100), (B, 50), (C, 49), (D, 1)))
    assert [book.accounts[account].balance for account in ACCOUNTS] == [0, 50, 49, 1]


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ((A, 0),),
        ((A, -1), (B, 2)),
        ((A, -1),),
        ((A, -1), (A, 1)),
        ((A, -1), (B, 1), (C, 0)),
        ((A, -2), (B, 1), (B, 1)),
    ],
)
def test_lines_that_cannot_be_right_are_a_defect_and_change_nothing(lines: tuple[tuple[UUID, int], ...]) -> None:
    book = _book(a=500)
    before = copy.deepcopy(book)
    with pytest.raises(UnbalancedPosting) as defect:
        book.post(_posting(*lines, number=5))
    assert defect.value.args == (UUID(int=1005),)
    assert book == before


@pytest.mark.parametrize("lines", [((A, -1), (UUID(int=99), 1)), ((UUID(int=99), -1), (A, 1))])
def test_an_account_that_was_not_opened_changes_nothing(lines: tuple[tuple[UUID, int], ...]) -> None:
    book = _book(a=500)
    before = copy.deepcopy(book)
    with pytest.raises(KeyError):
        book.post(_posting(*lines))
    assert book == before


def test_a_second_line_that_is_short_of_money_leaves_the_first_alone() -> None:
    book = _book(a=500, b=10)
    before = copy.deepcopy(book)
    with pytest.raises(InsufficientFunds):
        book.post(_posting((A, -100), (B, -11), (C, 111)))
    assert book == before


def test_each_person_is_served_by_one_of_sixteen_stripes_of_the_bank() -> None:
    stripes = {bank_account(UUID(int=number)) for number in range(1000)}
    assert stripes == {bank_stripe(number) for number in range(16)}
    assert bank_account(UUID(int=5)) == bank_account(UUID(int=5))
    assert UNBOUNDED < -(10**15)


amounts = st.integers(-300, 300)
lines = st.lists(st.tuples(st.sampled_from(ACCOUNTS), amounts), min_size=1, max_size=4)


@st.composite
def balanced_lines(draw: st.DrawFn) -> list[tuple[UUID, int]]:
    """Lines that sum to zero most of the time."""
    drawn = draw(lines)
    if draw(st.booleans()):
        drawn.append((draw(st.sampled_from(ACCOUNTS)), -sum(amount for _, amount in drawn)))
    return drawn


@st.composite
def open_accounts(draw: st.DrawFn) -> list[OpenAccount]:
    """Accounts as the database would let them be."""
    opened = []
    for account in ACCOUNTS:
        floor = draw(st.integers(-200, 0))
        held = draw(st.integers(0, 200))
        balance = floor + held + draw(st.integers(0, 400))
        opened.append(OpenAccount(account, balance, held, floor, draw(st.integers(0, 5))))
    return opened


@given(accounts=open_accounts(), attempts=st.lists(balanced_lines(), max_size=25))
def test_whatever_is_tried_the_book_stays_right(
    accounts: list[OpenAccount], attempts: list[list[tuple[UUID, int]]]
) -> None:
    book = Book.of(copy.deepcopy(accounts))
    began = {account.id: account for account in accounts}
    posted = 0
    for number, attempt in enumerate(attempts):
        before = copy.deepcopy(book)
        try:
            book.post(_posting(*attempt, number=number))
        except (InsufficientFunds, UnbalancedPosting):
            assert book == before
            continue
        posted += 1
        entries = book.entries[len(before.entries) :]
        assert sum(entry.amount for entry in entries) == 0
        assert [(entry.account_id, entry.amount) for entry in entries] == attempt
        assert book.entries[: len(before.entries)] == before.entries
    assert len(book.postings) == posted
    assert sum(entry.amount for entry in book.entries) == 0

    chains: dict[UUID, list[Entry]] = defaultdict(list)
    for entry in book.entries:
        chains[entry.account_id].append(entry)
    for account_id, account in book.accounts.items():
        first, chain = began[account_id], chains[account_id]
        assert account.balance - account.held >= account.floor
        assert (account.held, account.floor) == (first.held, first.floor)
        assert [entry.version for entry in chain] == list(range(first.version + 1, account.version + 1))
        assert account.balance == first.balance + sum(entry.amount for entry in chain)
        balances = [first.balance, *(entry.balance_after for entry in chain)]
        assert [after - before for before, after in pairwise(balances)] == [entry.amount for entry in chain]
        assert balances[-1] == account.balance


@given(accounts=open_accounts(), attempt=balanced_lines())
def test_a_posting_is_refused_exactly_when_the_rules_say_so(
    accounts: list[OpenAccount], attempt: list[tuple[UUID, int]]
) -> None:
    named = [account for account, _ in attempt]
    sound = (
        len(attempt) >= 2
        and sum(amount for _, amount in attempt) == 0
        and len(set(named)) == len(named)
        and all(amount for _, amount in attempt)
    )
    room = {account.id: account.balance - account.held - account.floor for account in accounts}
    covered = all(amount > 0 or room[account] + amount >= 0 for account, amount in attempt)
    expected = None if sound and covered else (InsufficientFunds if sound else UnbalancedPosting)
    try:
        Book.of(accounts).post(_posting(*attempt))
        refused = None
    except (InsufficientFunds, UnbalancedPosting) as error:
        refused = type(error)
    assert refused is expected


@given(
    steps=st.lists(st.tuples(st.permutations(ACCOUNTS), st.integers(-50, 50)), max_size=20),
    frozen=st.none() | st.integers(-60, 60),
)
def test_the_times_of_an_account_never_step_back_nor_into_what_is_frozen(
    steps: list[tuple[list[UUID], int]], frozen: int | None
) -> None:
    """Against an oracle: the last moment of each account. The commands of a batch come in any order of their times."""
    book = _book(a=1000, b=1000, c=1000, d=1000)
    earliest = NOW - timedelta(days=1)
    if frozen is not None:
        book.frozen_through = NOW + timedelta(seconds=frozen)
        earliest = book.frozen_through + TICK
    book.accounts[C].moved_at = NOW
    last = {C: NOW}
    for number, ((payer, payee, *_), seconds) in enumerate(steps):
        asked = replace(_posting((payer, -1), (payee, 1), number=number), at=NOW + timedelta(seconds=seconds))
        moment = max(asked.at, earliest, last.get(payer, asked.at), last.get(payee, asked.at))
        assert book.post(asked) == book.postings[-1] == replace(asked, at=moment)
        assert [entry.at for entry in book.entries[-2:]] == [moment, moment]
        last |= {payer: moment, payee: moment}
        assert {one.id: one.moved_at for one in book.accounts.values() if one.moved_at} == last
