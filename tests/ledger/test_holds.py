"""Holds in the open book: set aside, captured in parts, released; checked against a model that knows only sums."""

import copy
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venmo_api.core.errors import AppError
from venmo_api.ledger.book import Book, OpenAccount, OpenHold, Posting
from venmo_api.ledger.rules import (
    UNBOUNDED,
    HoldEnded,
    HoldExceeded,
    InsufficientFunds,
    UnbalancedPosting,
    debt_account,
)

NOW = datetime(2026, 11, 20, tzinfo=UTC)
A, B, C = ACCOUNTS = tuple(UUID(int=number) for number in range(1, 4))
H, K = HOLDS = tuple(UUID(int=number) for number in range(101, 103))


def _book(balance: int = 1000) -> Book:
    return Book.of([OpenAccount(A, balance, 0, 0, 7), *(OpenAccount(other, 0, 0, 0, 0) for other in (B, C))])


def _posting(amount: int, *, number: int = 1, payer: UUID = A, payee: UUID = B) -> Posting:
    return Posting(UUID(int=1000 + number), "transfer", NOW, ((payer, -amount), (payee, amount)))


def _stands(book: Book, account: UUID = A) -> tuple[int, int, int]:
    """Balance, held, available."""
    found = book.accounts[account]
    return found.balance, found.held, found.available


def test_a_hold_sets_money_aside_and_posts_nothing() -> None:
    book = _book()
    assert book.hold(H, A, 600, at=NOW) == OpenHold(H, A, 600, 0, True, NOW)
    assert _stands(book) == (1000, 600, 400)
    assert (book.entries, book.postings, book.changed_holds) == ([], [], {H})


def test_the_whole_of_what_is_available_may_be_held_and_not_a_cent_more() -> None:
    book = _book()
    book.hold(H, A, 600, at=NOW)
    with pytest.raises(InsufficientFunds):
        book.hold(K, A, 401, at=NOW)
    book.hold(K, A, 400, at=NOW)
    with pytest.raises(InsufficientFunds):
        book.post(_posting(1))
    assert _stands(book) == (1000, 1000, 0)


def test_an_overdraft_that_an_account_may_take_may_be_held_too() -> None:
    book = Book.of([OpenAccount(A, 0, 0, -100, 0)])
    book.hold(H, A, 100, at=NOW)
    with pytest.raises(InsufficientFunds):
        book.hold(K, A, 1, at=NOW)


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_or_less_is_neither_held_nor_captured(amount: int) -> None:
    book = _book()
    book.hold(H, A, 10, at=NOW)
    before = copy.deepcopy(book)
    with pytest.raises(UnbalancedPosting):
        book.hold(K, A, amount, at=NOW)
    with pytest.raises(UnbalancedPosting):
        book.capture(H, amount)
    assert book == before


def test_captures_in_parts_end_it_with_the_last_cent() -> None:
    book = _book()
    book.hold(H, A, 600, at=NOW)
    book.capture(H, 599)
    book.post(_posting(599))
    assert (_stands(book), book.holds[H].open, book.holds[H].left) == ((401, 1, 400), True, 1)
    book.capture(H, 1)
    book.post(_posting(1, number=2))
    assert (_stands(book), book.holds[H].open, _stands(book, B)) == ((400, 0, 400), False, (600, 0, 600))


def test_more_than_is_left_is_refused_and_says_how_much_is() -> None:
    book = _book()
    book.hold(H, A, 600, at=NOW)
    book.capture(H, 200)
    before = copy.deepcopy(book)
    with pytest.raises(HoldExceeded) as refused:
        book.capture(H, 401)
    assert refused.value.extra == {"left": 400}
    assert book == before


def test_a_release_gives_back_what_is_left_and_says_how_much() -> None:
    book = _book()
    book.hold(H, A, 600, at=NOW)
    book.capture(H, 200)
    book.post(_posting(200))
    assert book.release(H, at=NOW) == 400
    assert (_stands(book), book.holds[H].open, book.holds[H].captured) == ((800, 0, 800), False, 200)


@pytest.mark.parametrize("ending", ["captured", "released"])
def test_what_has_ended_is_neither_captured_nor_released_again(ending: str) -> None:
    book = _book()
    book.hold(H, A, 600, at=NOW)
    book.capture(H, 600) if ending == "captured" else book.release(H, at=NOW)
    before = copy.deepcopy(book)
    for again in (lambda: book.capture(H, 1), lambda: book.release(H, at=NOW)):
        with pytest.raises(HoldEnded):
            again()
    assert book == before


def test_a_hold_or_account_that_was_not_opened_is_a_defect() -> None:
    book = _book()
    for step in (lambda: book.capture(H, 1), lambda: book.release(H, at=NOW), lambda: book.hold(H, K, 1, at=NOW)):
        with pytest.raises(KeyError):
            step()
    assert book == _book()


def test_what_a_batch_releases_its_next_command_may_spend() -> None:
    book = _book()
    book.hold(H, A, 1000, at=NOW)
    book.release(H, at=NOW)
    book.post(_posting(1000))
    assert _stands(book) == (0, 0, 0)


def test_who_owes_repays_from_what_is_given_back_and_not_from_what_is_captured() -> None:
    debt = debt_account(A)
    book = Book.of([OpenAccount(A, 1000, 0, 0, 7), OpenAccount(B, 0, 0, 0, 0), OpenAccount(debt, 0, 0, UNBOUNDED, 0)])
    book.hold(H, A, 1000, at=NOW)
    book.advance(UUID(int=7), A, 250, at=NOW)
    book.post(_posting(250, number=1))
    book.capture(H, 100)
    book.post(_posting(100, number=2))
    assert (book.owed(A), _stands(book)) == (250, (900, 900, 0))
    assert book.release(H, at=NOW) == 900
    assert (book.owed(A), _stands(book), book.accounts[A].owes) == (0, (650, 0, 650), False)
    assert [posting.kind for posting in book.postings] == ["advance", "transfer", "transfer", "repayment"]


@dataclass
class Model:
    """What a ledger with holds is, said as simply as can be: sums of what happened."""

    put_in: int
    moved: Counter[UUID] = field(default_factory=Counter)
    holds: dict[UUID, list[int]] = field(default_factory=dict)
    """Hold to what is left; absent once ended."""

    def available(self, account: UUID) -> int:
        held = sum(left for (left,) in self.holds.values()) if account == A else 0
        return (self.put_in if account == A else 0) + self.moved[account] - held

    def hold(self, hold: UUID, amount: int) -> bool:
        if self.available(A) < amount:
            return False
        self.holds[hold] = [amount]
        return True

    def capture(self, hold: UUID, amount: int) -> bool:
        if hold not in self.holds or self.holds[hold][0] < amount:
            return False
        self.holds[hold][0] -= amount
        if self.holds[hold] == [0]:
            del self.holds[hold]
        self.moved.update({A: -amount, B: amount})
        return True

    def release(self, hold: UUID) -> bool:
        return self.holds.pop(hold, None) is not None

    def post(self, payer: UUID, payee: UUID, amount: int) -> bool:
        if self.available(payer) < amount:
            return False
        self.moved.update({payer: -amount, payee: amount})
        return True


numbers = st.integers(0, 5)
amounts = st.integers(1, 400)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("hold"), amounts),
        st.tuples(st.just("capture"), numbers, amounts),
        st.tuples(st.just("release"), numbers),
        st.tuples(st.just("post"), st.permutations(ACCOUNTS), amounts),
    ),
    max_size=40,
)


def _capture(book: Book, hold: UUID, amount: int, *, number: int) -> None:
    """As every service does it."""
    if hold not in book.holds:
        raise HoldEnded
    book.capture(hold, amount)
    book.post(_posting(amount, number=number))


def _taken(book: Book, step: tuple, number: int, held: Sequence[UUID]) -> bool:  # type: ignore[type-arg]
    verb, *told = step
    try:
        if verb == "hold":
            book.hold(UUID(int=5000 + number), A, told[0], at=NOW)
        elif verb == "capture":
            _capture(book, _one_of(held, told[0]), told[1], number=number)
        elif verb == "release":
            hold = _one_of(held, told[0])
            if hold not in book.holds:
                return False
            book.release(hold, at=NOW)
        else:
            payer, payee, _ = told[0]
            book.post(_posting(told[1], number=number, payer=payer, payee=payee))
    except AppError:
        return False
    return True


def _expected(model: Model, step: tuple, number: int, held: Sequence[UUID]) -> bool:  # type: ignore[type-arg]
    verb, *told = step
    if verb == "hold":
        return model.hold(UUID(int=5000 + number), told[0])
    if verb == "capture":
        return model.capture(_one_of(held, told[0]), told[1])
    if verb == "release":
        return model.release(_one_of(held, told[0]))
    return model.post(*told[0][:2], told[1])


def _one_of(held: Sequence[UUID], number: int) -> UUID:
    return held[number % len(held)] if held else H


def _sound(book: Book, put_in: int) -> None:
    """What must be true after every step, whatever it was."""
    assert sum(account.balance for account in book.accounts.values()) == put_in
    for account in book.accounts.values():
        left = [hold.left for hold in book.holds.values() if hold.open and hold.account_id == account.id]
        assert account.held == sum(left)
        assert account.available >= 0
    assert all(0 <= hold.captured <= hold.amount for hold in book.holds.values())
    assert sum(entry.amount for entry in book.entries) == 0


@given(put_in=st.integers(0, 1000), taken=steps)
def test_whatever_is_tried_the_book_does_what_the_model_does(put_in: int, taken: list[tuple]) -> None:  # type: ignore[type-arg]
    book, model = _book(put_in), Model(put_in)
    held: list[UUID] = []
    for number, step in enumerate(taken):
        before = copy.deepcopy(book)
        happened = _taken(book, step, number, held)
        assert happened is _expected(model, step, number, held)
        if not happened:
            assert book == before
        elif step[0] == "hold":
            held.append(UUID(int=5000 + number))
        assert {account: book.accounts[account].available for account in ACCOUNTS} == {
            account: model.available(account) for account in ACCOUNTS
        }
        _sound(book, put_in)


@given(put_in=st.integers(0, 1000), taken=steps, seed=st.integers(0, 2**16))
def test_in_whatever_order_a_batch_comes_no_cent_is_made_or_lost(put_in: int, taken: list[tuple], seed: int) -> None:  # type: ignore[type-arg]
    book, held = _book(put_in), [UUID(int=5000 + number) for number in range(len(taken))]
    shuffled = list(enumerate(taken))
    random.Random(seed).shuffle(shuffled)
    for number, step in shuffled:
        _taken(book, step, number, held)
        _sound(book, put_in)
    for hold in [hold.id for hold in book.holds.values() if hold.open]:
        book.release(hold, at=NOW)
    _sound(book, put_in)
    assert [book.accounts[account].held for account in ACCOUNTS] == [0, 0, 0]


class Uncapped(Book):
    """A defect: a capture does not ask how much is left."""

    def capture(self, hold_id: UUID, amount: int) -> None:
        held = self.holds[hold_id]
        held.captured += amount
        held.open = held.left > 0
        self.accounts[held.account_id].held -= amount


class Unheld(Book):
    """A defect: a hold does not ask what other holds have taken."""

    def hold(self, hold_id: UUID, account_id: UUID, amount: int, *, at: datetime) -> OpenHold:
        account = self.accounts[account_id]
        if account.balance < amount:
            raise InsufficientFunds
        account.held += amount
        placed = self.holds[hold_id] = OpenHold(hold_id, account_id, amount, 0, True, at)
        return placed


@pytest.mark.parametrize("defective", [Uncapped, Unheld])
def test_the_comparison_with_the_model_finds_a_book_that_forgets_a_check(defective: type[Book]) -> None:
    dice = random.Random(5)
    disagreed = False
    for _ in range(200):
        book, model, held = defective.of(_book(500).accounts.values()), Model(500), list[UUID]()
        for number in range(30):
            verb = dice.choice(["hold", "capture", "release"])
            amount = dice.randint(1, 400)
            step = {"hold": ("hold", amount), "capture": ("capture", dice.randint(0, 5), amount)}.get(
                verb, ("release", dice.randint(0, 5))
            )
            happened = _taken(book, step, number, held)
            if happened is not _expected(model, step, number, held):
                disagreed = True
                break
            if happened and verb == "hold":
                held.append(UUID(int=5000 + number))
    assert disagreed
