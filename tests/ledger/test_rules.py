"""The accounts of the house, and what the ledger says when it refuses. The ids are in every stored entry."""

from collections.abc import Callable
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venmo_api.core.errors import AppError, Kind
from venmo_api.ledger.rules import (
    HoldEnded,
    HoldExceeded,
    InsufficientFunds,
    bank_account,
    bank_stripe,
    debt_account,
    fees_account,
)

IDS_OF_OURS = st.uuids(version=4).map(lambda some: UUID(int=(some.int & ~(0xF << 76)) | (0x7 << 76)))
"""Version 7, as people's ids are."""


def test_the_ids_of_the_house_are_the_ones_its_entries_are_stored_under() -> None:
    assert bank_stripe(0) == UUID("00000000-0000-00ba-0000-000000000000")
    assert bank_stripe(15) == UUID("00000000-0000-00ba-0000-00000000000f")
    owner = UUID("01931c5c-1b2a-7aaa-8bbb-cccccccccccd")
    assert bank_account(owner) == UUID("00000000-0000-00ba-0000-00000000000d")
    assert fees_account(owner) == UUID("00000000-0000-00fe-0000-00000000000d")
    assert debt_account(owner) == UUID("01931c5c-1b2a-daaa-8bbb-cccccccccccd")


@given(IDS_OF_OURS, IDS_OF_OURS)
def test_what_a_person_owes_stands_where_nobody_else_does(one: UUID, other: UUID) -> None:
    assert debt_account(one) not in (one, other)
    assert debt_account(debt_account(one)) == one
    assert (debt_account(one) == debt_account(other)) is (one == other)


@pytest.mark.parametrize(
    ("refused", "kind", "code", "detail", "extra"),
    [
        (
            InsufficientFunds,
            Kind.DECLINED,
            "insufficient_funds",
            "The balance does not cover this payment; top up or send less.",
            {},
        ),
        (
            lambda: InsufficientFunds("Ten cents are missing."),
            Kind.DECLINED,
            "insufficient_funds",
            "Ten cents are missing.",
            {},
        ),
        (
            HoldEnded,
            Kind.CONFLICT,
            "hold_ended",
            "This authorisation was captured in full, given back or has expired; ask for a new one.",
            {},
        ),
        (
            lambda: HoldExceeded(5),
            Kind.DECLINED,
            "hold_exceeded",
            "This is more than what is left of the authorisation; capture less.",
            {"left": 5},
        ),
    ],
)
def test_a_refusal_says_what_was_wrong_and_what_to_do(
    refused: Callable[[], AppError], kind: Kind, code: str, detail: str, extra: dict[str, object]
) -> None:
    refusal = refused()
    assert (refusal.kind, refusal.code, refusal.detail, dict(refusal.extra)) == (kind, code, detail, extra)
