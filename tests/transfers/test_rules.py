"""The decision on a payment, and what a note may be. Pure."""

from itertools import product
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transfers.commands import AT, pay
from venmo_api.core.errors import AppError, Kind
from venmo_api.core.figures import Figures
from venmo_api.idempotency.rules import IdempotencyKeyReused, OperationInFlight
from venmo_api.ledger.book import Book, Entry, OpenAccount
from venmo_api.ledger.rules import InsufficientFunds
from venmo_api.limits.rules import Flow, Meter, Window
from venmo_api.transfers.rules import (
    CannotPaySelf,
    Case,
    RecipientNotFound,
    Status,
    Transfer,
    TransferNotFound,
    decide,
    is_note,
    is_remembered,
)
from venmo_api.users.rules import Audience, Card, Party

ALICE, BOB = UUID(int=1), UUID(int=2)
ORDER = [Audience.PUBLIC, Audience.FRIENDS, Audience.PRIVATE]
FAMILY = "👨‍👩‍👧‍👦"


def _party(who: UUID, audience: Audience = Audience.FRIENDS) -> Party:
    return Party(Card(who, f"user{who.int}", f"User {who.int}", None), audience)


def _book(alice: int, bob: int = 0, *, held: int = 0) -> Book:
    return Book.of([OpenAccount(ALICE, alice, held, 0, 0), OpenAccount(BOB, bob, 0, 0, 0)])


def _case(book: Book, *numbers: int) -> Case:
    """Nothing known of anybody; windows for the commands of these numbers."""
    windows = {pay(number, ALICE, BOB, 1).transfer_id: Window() for number in numbers}
    figures = Figures()
    meter = Meter(Flow.SENT, figures, windows)
    return Case(book, meter, figures, earlier={}, known={}, people={}, friends=frozenset(), proofs={}, attempts={})


def test_a_covered_payment_is_settled_and_posted() -> None:
    book, command = _book(1000), pay(1, ALICE, BOB, 400, note="pizza 🍕")
    assert decide(command, sender=_party(ALICE), recipient=_party(BOB), case=_case(book, 1)) == Transfer(
        id=command.transfer_id,
        status=Status.SETTLED,
        amount=400,
        currency="USD",
        note="pizza 🍕",
        audience=Audience.FRIENDS,
        sender=_party(ALICE).card,
        recipient=_party(BOB).card,
        created_at=command.at,
        likeness=command.likenesses(BOB)[0],
    )
    assert book.entries == [
        Entry(command.transfer_id, ALICE, 1, -400, 600, command.at),
        Entry(command.transfer_id, BOB, 1, 400, 400, command.at),
    ]
    assert [(posting.kind, posting.at) for posting in book.postings] == [("transfer", command.at)]


@pytest.mark.parametrize(
    ("amount", "held", "recipient", "refusal"),
    [
        (1001, 0, _party(BOB), InsufficientFunds),
        (501, 500, _party(BOB), InsufficientFunds),
        (1, 0, None, RecipientNotFound),
        (1, 0, _party(ALICE), CannotPaySelf),
    ],
)
def test_a_refused_payment_posts_nothing(
    amount: int, held: int, recipient: Party | None, refusal: type[AppError]
) -> None:
    book = _book(1000, held=held)
    with pytest.raises(refusal):
        decide(pay(1, ALICE, BOB, amount), sender=_party(ALICE), recipient=recipient, case=_case(book, 1))
    assert (book.entries, book.postings) == ([], [])
    assert (book.accounts[ALICE].balance, book.accounts[BOB].balance) == (1000, 0)


@pytest.mark.parametrize(("asked", "own", "theirs"), list(product([None, *ORDER], ORDER, ORDER)))
def test_the_stricter_of_the_two_wishes_is_the_audience(
    asked: Audience | None, own: Audience, theirs: Audience
) -> None:
    transfer = decide(
        pay(1, ALICE, BOB, 1, audience=asked),
        sender=_party(ALICE, own),
        recipient=_party(BOB, theirs),
        case=_case(_book(1), 1),
    )
    wish = own if asked is None else asked
    assert ORDER.index(transfer.audience) == max(ORDER.index(wish), ORDER.index(theirs))


def test_only_a_declined_payment_binds_its_key() -> None:
    assert is_remembered(InsufficientFunds())
    for refusal in (RecipientNotFound(), CannotPaySelf(), IdempotencyKeyReused(), OperationInFlight()):
        assert not is_remembered(refusal)


def test_each_refusal_has_its_kind_and_stable_code() -> None:
    assert [(error.kind, error.code) for error in (InsufficientFunds(), RecipientNotFound(), CannotPaySelf())] == [
        (Kind.DECLINED, "insufficient_funds"),
        (Kind.NOT_FOUND, "recipient_not_found"),
        (Kind.INVALID, "cannot_pay_self"),
    ]
    assert (TransferNotFound().kind, TransferNotFound().code) == (Kind.NOT_FOUND, "transfer_not_found")


@given(amount=st.integers(1, 2000), balance=st.integers(0, 1000))
def test_a_decision_moves_the_amount_or_nothing(amount: int, balance: int) -> None:
    book = _book(balance, bob=5)
    try:
        decide(pay(1, ALICE, BOB, amount), sender=_party(ALICE), recipient=_party(BOB), case=_case(book, 1))
        assert amount <= balance
        assert (book.accounts[ALICE].balance, book.accounts[BOB].balance) == (balance - amount, 5 + amount)
    except InsufficientFunds:
        assert amount > balance
        assert (book.accounts[ALICE].balance, book.accounts[BOB].balance) == (balance, 5)


@pytest.mark.parametrize(
    "note",
    [
        "x",
        "x" * 280,
        "🍕" * 280,
        FAMILY * 100,
        "👍🏽" * 280,
        "🇩🇪" * 280,
        "e\u0301" * 280,
        "שלום, תודה על הארוחה",
        "شكرا",
        "ñ" * 280,
        "क्षि" * 100,
        " leading and trailing ",
        "0",
    ],
    ids=lambda note: f"{note[:8]}*{len(note)}",
)
def test_a_note_is_1_to_280_characters_as_a_person_counts_them(note: str) -> None:
    assert is_note(note)


@pytest.mark.parametrize(
    "emoji", [FAMILY, "👨🏽‍👩🏽‍👧🏽‍👦🏽", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"], ids=["family", "family with skin tones", "England"]
)
def test_280_of_the_longest_emoji_are_a_note(emoji: str) -> None:
    assert is_note(emoji * 280)


@pytest.mark.parametrize(
    "note",
    ["x" * 281, "🍕" * 281, FAMILY * 281, "🇩🇪" * 281, "e\u0301" * 281, "x" * 100_000],
    ids=len,
)
def test_a_note_of_281_is_too_long(note: str) -> None:
    assert not is_note(note)


def test_one_character_with_a_mountain_of_marks_is_no_note() -> None:
    assert not is_note("a" + "\u0301" * 50_000)


@pytest.mark.parametrize(
    "note",
    [
        "",
        " ",
        "\t\n",
        "\u3000",
        "a\u0000b",
        "\u0000",
        "a\nb",
        "a\u202eb",
        "\u2066a\u2069",
        "a\x7fb",
        "a\x85b",
        "a\u2028b",
    ],
    ids=ascii,
)
def test_blank_and_deceptive_notes_are_refused(note: str) -> None:
    assert not is_note(note)


@given(st.text(max_size=400))
def test_any_text_is_judged_without_an_error(text: str) -> None:
    assert is_note(text) in (True, False)


def test_a_lone_surrogate_is_refused_and_not_an_error() -> None:
    assert is_note("a\ud800b") is False


def test_commands_of_a_test_are_fixed() -> None:
    assert pay(1, ALICE, BOB, 1) == pay(1, ALICE, BOB, 1)
    assert pay(1, ALICE, BOB, 1).at > AT
