"""What somebody owes the house: lent in the open book, and repaid from whatever comes to them first."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venmo_api.ledger.book import Book, Entry, OpenAccount, Posting
from venmo_api.ledger.rules import UNBOUNDED, UnbalancedPosting, debt_account

AT = datetime(2026, 11, 20, tzinfo=UTC)
A, B = UUID(int=1), UUID(int=2)
DEBT = debt_account(A)


def _book(a: int, *, owed: int = 0, held: int = 0, b: int = 1000, owes: bool | None = None) -> Book:
    """A may owe; B pays."""
    marked = owed > 0 if owes is None else owes
    return Book.of(
        [
            OpenAccount(A, a, held, 0, 0, marked),
            OpenAccount(DEBT, -owed, 0, UNBOUNDED, 0),
            OpenAccount(B, b, 0, 0, 0),
        ]
    )


def _receive(book: Book, amount: int, *, number: int = 50, at: datetime = AT) -> Posting:
    return book.post(Posting(UUID(int=number), "transfer", at, ((B, -amount), (A, amount))))


def test_the_house_lends_and_the_debt_is_known() -> None:
    book = _book(10)
    book.advance(UUID(int=40), A, 90, at=AT)
    assert book.postings == [Posting(UUID(int=40), "advance", AT, ((DEBT, -90), (A, 90)))]
    assert book.entries == [Entry(UUID(int=40), DEBT, 1, -90, -90, AT), Entry(UUID(int=40), A, 1, 90, 100, AT)]
    assert (book.owed(A), book.accounts[A].owes, book.accounts[A].balance) == (90, True, 100)


def test_what_comes_in_repays_first_as_a_posting_of_its_own() -> None:
    book = _book(0, owed=90)
    posted = _receive(book, 40)
    repayment = Posting(uuid5(posted.id, A.hex), "repayment", AT, ((A, -40), (DEBT, 40)))
    assert book.postings == [posted, repayment]
    assert (book.owed(A), book.accounts[A].owes, book.accounts[A].balance) == (50, True, 0)
    _receive(book, 49, number=51)
    assert (book.owed(A), book.accounts[A].owes, book.accounts[A].balance) == (1, True, 0)
    _receive(book, 2, number=52)
    assert (book.owed(A), book.accounts[A].owes, book.accounts[A].balance) == (0, False, 1)


def test_a_single_cent_repays() -> None:
    book = _book(0, owed=90)
    _receive(book, 1)
    assert (book.owed(A), len(book.postings)) == (89, 2)


def test_the_moment_of_a_repayment_is_that_of_its_cause_as_it_was_posted() -> None:
    book = _book(0, owed=90)
    book.accounts[B].moved_at = AT + timedelta(hours=1)
    posted = _receive(book, 40)
    assert [posting.at for posting in book.postings] == [AT + timedelta(hours=1)] * 2
    assert posted.at == AT + timedelta(hours=1)


def test_what_is_held_for_others_repays_nothing() -> None:
    book = _book(100, owed=90, held=100)
    _receive(book, 30)
    assert (book.owed(A), book.accounts[A].balance, book.accounts[A].available) == (60, 100, 0)


def test_what_is_given_back_repays_as_a_posting_of_its_own_at_that_moment() -> None:
    book, later = _book(100, owed=90), AT + timedelta(hours=1)
    book.hold(UUID(int=60), A, 70, at=AT)
    book.release(UUID(int=60), at=later)
    repayment = Posting(uuid5(UUID(int=60), A.hex), "repayment", later, ((A, -90), (DEBT, 90)))
    assert (book.postings, book.owed(A), book.accounts[A].balance) == ([repayment], 0, 10)


def test_a_defect_names_the_hold() -> None:
    book = _book(100)
    book.hold(UUID(int=60), A, 70, at=AT)
    with pytest.raises(UnbalancedPosting) as defect:
        book.hold(UUID(int=61), A, 0, at=AT)
    assert defect.value.args == (UUID(int=61),)
    with pytest.raises(UnbalancedPosting) as defect:
        book.capture(UUID(int=60), 0)
    assert defect.value.args == (UUID(int=60),)


def test_who_is_marked_and_owes_nothing_keeps_what_comes() -> None:
    book = _book(0, owed=0, owes=True)
    posted = _receive(book, 40)
    assert (book.postings, book.accounts[A].owes, book.accounts[A].balance) == ([posted], False, 40)


def test_what_is_earmarked_repays_nothing() -> None:
    book = _book(0, owed=90)
    charged = Posting(UUID(int=50), "funding", AT, ((B, -40), (A, 40)))
    assert book.post(charged, earmarked=True) == charged
    assert (book.postings, book.owed(A), book.accounts[A].balance, book.accounts[A].owes) == ([charged], 90, 40, True)


def test_paying_repays_nothing() -> None:
    book = _book(100, owed=90)
    posted = book.post(Posting(UUID(int=50), "transfer", AT, ((A, -30), (B, 30))))
    assert (book.postings, book.owed(A)) == ([posted], 90)


def test_who_owes_nothing_needs_no_account_of_debts() -> None:
    book = Book.of([OpenAccount(A, 0, 0, 0, 0), OpenAccount(B, 10, 0, 0, 0)])
    assert book.owed(A) == 0
    _receive(book, 10)
    assert book.accounts[A].balance == 10


@given(
    a=st.integers(0, 300),
    steps=st.lists(st.tuples(st.sampled_from(["lend", "receive", "pay"]), st.integers(1, 200)), max_size=20),
)
def test_whatever_comes_and_goes_the_house_has_its_money_first(a: int, steps: list[tuple[str, int]]) -> None:
    """Against an oracle of two numbers."""
    book, owed, began = _book(a, b=10_000), 0, a
    for number, (step, amount) in enumerate(steps):
        if step == "lend":
            book.advance(UUID(int=100 + number), A, amount, at=AT)
            a, owed = a + amount, owed + amount
        elif step == "receive":
            _receive(book, amount, number=100 + number)
            repaid = min(owed, a + amount)
            a, owed = a + amount - repaid, owed - repaid
        elif amount <= a:
            book.post(Posting(UUID(int=100 + number), "transfer", AT, ((A, -amount), (B, amount))))
            a -= amount
        account = book.accounts[A]
        assert (account.balance, book.owed(A), account.owes) == (a, owed, owed > 0)
    assert sum(entry.amount for entry in book.entries) == 0
    assert a - began == sum(entry.amount for entry in book.entries if entry.account_id == A)
