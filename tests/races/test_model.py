"""Whole lives at random, over HTTP, beside a model of what they must come to."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

import httpx2
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.conftest import Person, World, new_key
from tests.ledger import audit
from tests.races.model import CLAIM_DAYS, HOLD_DAYS, REQUEST_DAYS, Model, Purse, Thing
from tests.transfers.steps import new_email, verify
from venmo_api.holds import jobs as holds
from venmo_api.ledger.book import Book, OpenHold
from venmo_api.ledger.rules import HoldEnded
from venmo_api.requests import jobs as requests
from venmo_api.transfers import jobs as transfers

LONG = os.environ.get("VENMO_FAULTS") == "long"
BOUNDS = settings(
    max_examples=300 if LONG else 15,
    stateful_step_count=60 if LONG else 25,
    derandomize=not LONG,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
QUICK = settings(BOUNDS, max_examples=20, stateful_step_count=25, derandomize=True, phases=[Phase.generate])
PEOPLE_MOST = 5
some = st.integers(0, 999)
"""Chooses among what there is by then."""
amounts = st.integers(1, 300)
parts = st.none() | amounts
T = TypeVar("T")


class Lives(RuleBasedStateMachine):
    """Every rule does one thing at the service and in the model, and compares what both say of it."""

    world: World
    loop: asyncio.AbstractEventLoop
    audited = True

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.people: list[Person] = []
        self.payments: list[tuple[str, Thing]] = []
        self.requests: list[tuple[str, Thing]] = []
        self.holds: list[tuple[str, Thing]] = []
        self.waiting: list[tuple[str, Thing, str]] = []
        self.kept: list[tuple[int, str, Any, str, httpx2.Response]] = []
        for _ in range(3):
            self._join(self.wait(self.world.person(money=500)), 500)

    def wait(self, work: Awaitable[T]) -> T:
        async def waited() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(waited(), self.loop).result(60)

    @precondition(lambda self: len(self.people) < PEOPLE_MOST)
    @rule()
    def sign_up(self) -> None:
        self._join(self.wait(self.world.person()), 0)

    @rule(who=some, amount=amounts)
    def top_up(self, who: int, amount: int) -> None:
        who %= len(self.people)
        source = self.wait(self.people[who].post("/wallet/funding-sources", {"token": "sandbox_bank_ok"})).json()["id"]
        body = {"funding_source_id": source, "amount": amount}
        self._agree(self._send(who, "/wallet/top-ups", body), self.model.receive(who, amount))

    @rule(who=some, amount=amounts)
    def cash_out(self, who: int, amount: int) -> None:
        who %= len(self.people)
        source = self.wait(self.people[who].post("/wallet/funding-sources", {"token": "sandbox_bank_ok"})).json()["id"]
        body = {"funding_source_id": source, "amount": amount, "speed": "standard"}
        self._agree(self._send(who, "/wallet/cash-outs", body), self.model.take(who, amount))

    @rule(one=some, other=some, amount=amounts)
    def pay(self, one: int, other: int, amount: int) -> None:
        one, other = one % len(self.people), other % len(self.people)
        body = {"recipient": {"user_id": self.people[other].id}, "amount": amount, "note": "x"}
        answer = self._send(one, "/transfers", body)
        self._agree(answer, self.model.pay(one, other, amount))
        if answer.status_code == 201:
            self._paid(answer.json(), one, other)

    @precondition(lambda self: self.kept)
    @rule(which=some)
    def retry(self, which: int) -> None:
        who, path, body, key, first = self.kept[which % len(self.kept)]
        again = self.wait(self.people[who].post(path, body, key=key))
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers["idempotent-replayed"] == "true"

    @precondition(lambda self: self.payments)
    @rule(which=some, amount=parts)
    def refund(self, which: int, amount: int | None) -> None:
        payment_id, paid = self.payments[which % len(self.payments)]
        body = {} if amount is None else {"amount": amount}
        assert paid.other is not None
        self._agree(
            self._send(paid.other, f"/transfers/{payment_id}/refund", body),
            self.model.refund(paid, amount),
        )

    @rule(one=some, shift=st.integers(1, 2), amount=amounts)
    def ask(self, one: int, shift: int, amount: int) -> None:
        one, other = self._two(one, shift)
        answer = self._send(
            one, "/requests", {"payer": {"user_id": self.people[other].id}, "amount": amount, "note": "x"}
        )
        self._agree(answer, 201)
        self.requests.append((answer.json()["id"], Thing(one, other, amount, self.model.day + REQUEST_DAYS)))

    @precondition(lambda self: self.requests)
    @rule(which=some)
    def accept(self, which: int) -> None:
        request_id, asked = self.requests[which % len(self.requests)]
        assert asked.other is not None
        answer = self._send(asked.other, f"/requests/{request_id}/accept", {})
        self._agree(answer, self.model.accept(asked))
        if answer.status_code == 200:
            self._paid(answer.json()["transfer"], asked.other, asked.one)

    @precondition(lambda self: self.requests)
    @rule(which=some, step=st.sampled_from(["decline", "cancel"]))
    def withdraw(self, which: int, step: str) -> None:
        request_id, asked = self.requests[which % len(self.requests)]
        who = asked.one if step == "cancel" else asked.other
        assert who is not None
        self._agree(self._send(who, f"/requests/{request_id}/{step}"), self.model.withdraw(asked, who))

    @rule(one=some, shift=st.integers(1, 2), amount=amounts)
    def hold(self, one: int, shift: int, amount: int) -> None:
        one, other = self._two(one, shift)
        body = {"payee": {"user_id": self.people[other].id}, "amount": amount, "note": "x"}
        answer = self._send(one, "/holds", body)
        self._agree(answer, self.model.set_aside(one, amount))
        if answer.status_code == 201:
            self.holds.append((answer.json()["id"], Thing(one, other, amount, self.model.day + HOLD_DAYS)))

    @precondition(lambda self: self.holds)
    @rule(which=some, amount=parts)
    def capture(self, which: int, amount: int | None) -> None:
        hold_id, held = self.holds[which % len(self.holds)]
        assert held.other is not None
        answer = self._send(held.other, f"/holds/{hold_id}/capture", {} if amount is None else {"amount": amount})
        self._agree(answer, self.model.capture(held, amount))
        if answer.status_code == 201:
            self._paid(answer.json()["transfer"], held.one, held.other)

    @precondition(lambda self: self.holds)
    @rule(which=some)
    def void(self, which: int) -> None:
        hold_id, held = self.holds[which % len(self.holds)]
        assert held.other is not None
        self._agree(self._send(held.other, f"/holds/{hold_id}/void"), self.model.end(held))

    @rule(one=some, amount=amounts)
    def pay_somebody_unknown(self, one: int, amount: int) -> None:
        one, email = one % len(self.people), new_email()
        answer = self._send(one, "/transfers", {"recipient": {"email": email}, "amount": amount, "note": "x"})
        self._agree(answer, self.model.set_aside(one, amount))
        if answer.status_code == 201:
            waiting = Thing(one, None, amount, self.model.day + CLAIM_DAYS)
            self.waiting.append((answer.json()["id"], waiting, email))

    @precondition(lambda self: self.waiting)
    @rule(which=some)
    def cancel(self, which: int) -> None:
        payment_id, waiting, _ = self.waiting[which % len(self.waiting)]
        self._agree(self._send(waiting.one, f"/transfers/{payment_id}/cancel"), self.model.end(waiting))

    @precondition(lambda self: self.waiting and len(self.people) < PEOPLE_MOST)
    @rule(which=some)
    def claim(self, which: int) -> None:
        payment_id, waiting, email = self.waiting.pop(which % len(self.waiting))
        self._join(self.wait(self.world.person(username=email.partition("@")[0])), 0)
        self.wait(verify(self.world, "email", email))
        self.wait(self.world.drain())
        self.model.claim(waiting, len(self.people) - 1)
        if waiting.status == "settled":
            waiting.other = len(self.people) - 1
            self.payments.append((payment_id, waiting))

    @rule(days=st.sampled_from([1, 7, 14, 30]), jobs=st.booleans())
    def let_time_pass(self, days: int, jobs: bool) -> None:
        self.world.clock.advance(timedelta(days=days))
        self.model.day += days
        if jobs:
            for job in (requests.expire_requests, holds.expire_holds, transfers.return_unclaimed):
                self.wait(job(self.world.app))
            self.model.run_jobs([held for _, held in self.holds] + [waiting for _, waiting, _ in self.waiting])

    @invariant()
    def wallets_are_what_the_model_says(self) -> None:
        assert self.wait(self._purses()) == self.model.purses

    def teardown(self) -> None:
        if self.audited:
            assert self.wait(audit.findings(self.world)) == []

    async def _purses(self) -> list[Purse]:
        wallets = [(await person.get("/wallet")).json() for person in self.people]
        return [Purse(wallet["available"], wallet["on_hold"], wallet["debt"]) for wallet in wallets]

    def _join(self, person: Person, money: int) -> None:
        self.people.append(person)
        self.model.purses.append(Purse(money))

    def _two(self, one: int, shift: int) -> tuple[int, int]:
        return one % len(self.people), (one + shift) % len(self.people)

    def _send(self, who: int, path: str, body: Any = None) -> httpx2.Response:
        key = new_key()
        answer = self.wait(self.people[who].post(path, body, key=key))
        if body is not None and answer.status_code in (200, 201, 402):
            self.kept.append((who, path, body, key, answer))
        return answer

    def _agree(self, answer: httpx2.Response, status: int) -> None:
        assert answer.status_code == status, answer.text

    def _paid(self, transfer: dict[str, Any], one: int, other: int) -> None:
        self.payments.append((transfer["id"], Thing(one, other, transfer["amount"], status="settled")))


async def _live(world: World, bounds: settings, *, audited: bool = True) -> None:
    given = {"world": world, "loop": asyncio.get_running_loop(), "audited": audited}
    bound: Callable[[], Lives] = type("BoundLives", (Lives,), given)
    await asyncio.to_thread(run_state_machine_as_test, bound, settings=bounds)


async def test_the_service_does_what_the_model_does(fresh: World) -> None:
    await _live(fresh, BOUNDS)


async def test_a_book_that_forgets_to_lower_what_is_held_is_found(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the model alone: the database, which would refuse it, and the auditor, who would find it, look away."""

    def release(book: Book, hold_id: Any, *, at: Any) -> int:
        held: OpenHold = book.holds[hold_id]
        if not held.open:
            raise HoldEnded
        held.open = False
        book.changed_holds.add(hold_id)
        return held.left

    connection = await audit.connect(fresh)
    for table in ("ledger_accounts", "ledger_holds"):
        await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    await connection.close()
    monkeypatch.setattr(Book, "release", release)
    with pytest.raises(AssertionError, match="Purse"):
        await _live(fresh, QUICK, audited=False)
