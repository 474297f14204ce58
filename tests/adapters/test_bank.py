"""The sandbox bank: every token and magic amount, the same from every process and after a restart."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.conftest import TestClock, World
from venmo_api.adapters.bank import BankAnswer, BankSource, SandboxBank, UnknownBankToken
from venmo_api.adapters.system import new_id

SETTLED, FAILED, PENDING = BankAnswer.SETTLED, BankAnswer.FAILED, BankAnswer.PENDING
OK = ("sandbox_bank_ok", "sandbox_card_ok")


@pytest.fixture
def bank(world: World) -> SandboxBank:
    return SandboxBank(world.app.database, world.clock)


def _ask(bank: SandboxBank, verb: str, token: str, amount: int, reference: UUID) -> Any:
    asked: Callable[..., Any] = getattr(bank, verb)
    return asked(token, amount_cents=amount, reference=reference)


@pytest.mark.parametrize(
    ("token", "type_", "last4"),
    [
        ("sandbox_bank_ok", "bank", "0000"),
        ("sandbox_bank_no_funds", "bank", "0051"),
        ("sandbox_bank_slow", "bank", "0024"),
        ("sandbox_card_ok", "card", "4242"),
        ("sandbox_card_declined", "card", "0002"),
    ],
)
async def test_a_token_stands_for_an_account_or_a_card(bank: SandboxBank, token: str, type_: Any, last4: str) -> None:
    assert await bank.describe(token) == BankSource(type_, f"Sandbox {type_.title()}", last4)


async def test_an_unknown_token_is_refused_by_every_verb(bank: SandboxBank) -> None:
    for asked in (
        bank.describe("junk"),
        bank.debit("junk", amount_cents=1, reference=new_id()),
        bank.credit("junk", amount_cents=1, reference=new_id()),
    ):
        with pytest.raises(UnknownBankToken):
            await asked


@pytest.mark.parametrize("verb", ["debit", "credit"])
@pytest.mark.parametrize(
    ("token", "amount", "answer"),
    [(token, 1000, SETTLED) for token in OK]
    + [(token, 9002, FAILED) for token in OK]
    + [("sandbox_bank_no_funds", 1000, FAILED), ("sandbox_card_declined", 9003, FAILED)],
)
async def test_what_is_answered_at_once(
    bank: SandboxBank, verb: str, token: str, amount: int, answer: BankAnswer
) -> None:
    reference = new_id()
    assert [await _ask(bank, verb, token, amount, reference) for _ in range(2)] == [answer] * 2


@pytest.mark.parametrize("verb", ["debit", "credit"])
@pytest.mark.parametrize(
    ("token", "amount", "end"),
    [("sandbox_bank_slow", 1000, SETTLED), ("sandbox_bank_slow", 9002, SETTLED)]
    + [(token, 9003, SETTLED) for token in OK]
    + [(token, 9004, FAILED) for token in OK],
)
async def test_what_takes_a_day(world: World, verb: str, token: str, amount: int, end: BankAnswer) -> None:
    """However far the clock was driven before, and whoever asks: a day from the first ask on."""
    world.clock.advance(timedelta(days=30))
    reference = new_id()
    here, there = (SandboxBank(world.app.database, world.clock) for _ in range(2))
    assert await _ask(here, verb, token, amount, reference) is PENDING
    world.clock.advance(timedelta(hours=23, minutes=59))
    assert await _ask(there, verb, token, amount, reference) is PENDING
    world.clock.advance(timedelta(minutes=1))
    assert await _ask(there, verb, token, amount, reference) is end
    assert await _ask(here, verb, token, amount, reference) is end


async def test_the_first_of_many_at_once_decides_when_the_day_is_over(world: World) -> None:
    reference, clocks = new_id(), [TestClock() for _ in range(8)]
    for hours, clock in enumerate(clocks):
        clock.advance(timedelta(hours=hours))
    banks = [SandboxBank(world.app.database, clock) for clock in clocks]
    answers = await asyncio.gather(*(_ask(bank, "debit", "sandbox_bank_slow", 1, reference) for bank in banks))
    assert set(answers) == {PENDING}
    for clock in clocks:
        clock.advance(timedelta(hours=24 + 8))
    later = await asyncio.gather(*(_ask(bank, "debit", "sandbox_bank_slow", 1, reference) for bank in banks))
    assert set(later) == {SETTLED}
