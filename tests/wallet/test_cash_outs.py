"""Cash-outs: what they cost, what refuses them, and that they survive crashes and races."""

import asyncio
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from tests.conftest import World, new_key
from tests.ledger import audit
from tests.races import storm
from tests.transfers.steps import run, until_answered
from tests.wallet import steps
from tests.wallet.steps import LATER, FlakyBank, cash_out, settle, source, told, top_up, wallet
from venmo_api.core.figures import Figures
from venmo_api.wallet import cash_outs, jobs, rules


async def test_a_standard_cash_out_is_free_settled_at_once_and_replayed(fresh: World) -> None:
    alice, key = await fresh.person("alice", money=10_000), new_key()
    bank = await source(alice)
    first, again = [await cash_out(alice, bank, 4000, key=key) for _ in range(2)]
    document = first.json()
    assert first.status_code == 201
    assert document.pop("id").startswith("out_")
    assert document.pop("created_at") <= document.pop("ended_at")
    assert document == {
        "status": "settled",
        "amount": 4000,
        "currency": "USD",
        "funding_source_id": bank,
        "fee": 0,
        "speed": "standard",
    }
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert await wallet(alice) == (6000, 0, 0)
    other = await cash_out(alice, bank, 4001, key=key)
    assert told(other) == (422, "idempotency_key_reused")
    assert await audit.findings(fresh) == []


@pytest.mark.parametrize(
    ("amount", "fee"),
    [(26, 25), (1428, 25), (1457, 25), (1458, 26), (10_000, 175), (142_828, 2499), (142_829, 2500), (500_000, 2500)],
)
async def test_an_instant_cash_out_costs_its_fee_to_the_cent(fresh: World, amount: int, fee: int) -> None:
    alice = await fresh.person("alice", money=600_000)
    bank = FlakyBank()
    async with steps.town_in(fresh, bank) as town:
        alice = storm.at(town, alice)
        for token in ("sandbox_bank_ok", "sandbox_card_ok"):
            answer = await cash_out(alice, await source(alice, token), amount // 2 or 1, speed="instant", dry_run=True)
            assert answer.status_code in (200, 422)
        answer = await cash_out(alice, await source(alice, "sandbox_card_ok"), amount, speed="instant")
        assert (answer.status_code, answer.json()["fee"], answer.json()["speed"]) == (201, fee, "instant")
        assert list(bank.moved.values()) == [fee - amount]
        assert await wallet(alice) == (600_000 - amount, 0, 0)
        taken = await run(town, "SELECT sum(balance) AS taken FROM ledger_accounts WHERE kind = 'fees'")
        assert taken[0]["taken"] == fee
        assert await audit.findings(town) == []


async def test_the_magic_amounts_of_instant_cash_outs(world: World) -> None:
    alice = await world.person("alice", money=30_000)
    bank = await source(alice)
    assert told(await cash_out(alice, bank, 9162, speed="instant")) == (402, "bank_declined")
    slow = [await cash_out(alice, bank, amount, speed="instant") for amount in (9163, 9164)]
    assert [(answer.json()["status"], answer.json()["fee"]) for answer in slow] == [("pending", 160)] * 2


async def test_what_a_cash_out_is_refused_for(strict: World) -> None:
    alice = await strict.person("alice", money=100_000, verified=True)
    bank, card, key = await source(alice), await source(alice, "sandbox_card_ok"), new_key()
    small = await cash_out(alice, bank, 25, key=key, speed="instant")
    assert (*told(small), small.json()["fee"]) == (422, "cash_out_too_small", 25)
    assert told(await cash_out(alice, card, 100, key=key)) == (422, "funding_source_unsuitable")
    assert told(await cash_out(alice, "fs_" + "0" * 32, 100, key=key)) == (404, "funding_source_not_found")
    assert told(await cash_out(alice, "junk", 100, key=key)) == (404, "funding_source_not_found")
    assert (await cash_out(alice, bank, 25, key=key)).status_code == 201  # none of these burned the key
    large, key = await cash_out(alice, bank, 500_001, key=key + "x"), key + "x"
    assert (*told(large), large.json()["most"]) == (402, "cash_out_too_large", 500_000)
    assert (await cash_out(alice, bank, 500_001, key=key)).content == large.content
    poor = await cash_out(alice, bank, 100_000, key=(key := new_key()))
    assert told(poor) == (402, "insufficient_funds")
    assert (await cash_out(alice, bank, 100_000, key=key)).headers["idempotent-replayed"] == "true"
    eve = await strict.person("eve", money=100)
    assert told(await cash_out(eve, bank, 50)) == (404, "funding_source_not_found")
    assert await wallet(alice) == (100_000 - 25, 0, 0)


@pytest.mark.parametrize(
    "body",
    [{"amount": 0}, {"amount": "5"}, {"amount": True}, {"speed": "fast"}, {"currency": "EUR"}, {"x": 1}],
    ids=str,
)
async def test_a_cash_out_of_another_shape_is_refused(world: World, body: dict[str, Any]) -> None:
    alice = await world.person("alice", money=100)
    asked = {"funding_source_id": await source(alice), "amount": 5} | body
    answer = await alice.post("/wallet/cash-outs", asked, key=new_key())
    assert told(answer) == (422, "validation_failed")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/" + next(iter(body))]
    assert told(await alice.post("/wallet/cash-outs", asked)) == (400, "idempotency_key_invalid")


async def test_cash_outs_are_limited_by_identity_and_free_after_seven_days(strict: World) -> None:
    alice = await strict.person("alice", money=500_000)
    bank, figures = await source(alice), Figures()
    assert (await cash_out(alice, bank, figures.cashed_out_unverified)).status_code == 201
    refused = await cash_out(alice, bank, 1)
    assert (*told(refused), refused.json()["limit"]) == (402, "limit_exceeded", "cashed_out")
    await alice.post("/me/identity", {"token": "sandbox_identity_ok"})
    assert (await cash_out(alice, bank, 1)).status_code == 201
    strict.clock.advance(timedelta(days=7, seconds=1))
    limit = next(one for one in (await alice.get("/limits")).json()["limits"] if one["limit"] == "cashed_out")
    assert limit["used"] == 0


async def test_a_cash_out_whose_process_died_is_on_hold_then_ends_once_and_answers(fresh: World) -> None:
    bank = FlakyBank()
    async with steps.town_in(fresh, bank) as town:
        alice, bob, key = await town.person("alice", money=1000), await town.person("bob"), new_key()
        theirs = await source(alice)
        bank.broken, bank.asked = True, []
        assert (await cash_out(alice, theirs, 600, key=key)).status_code == 500
        assert await wallet(alice) == (400, 0, 600)
        assert told(await cash_out(alice, theirs, 600, key=key)) == (409, "operation_in_flight")
        assert told(await alice.pay(bob, 401)) == (402, "insufficient_funds")
        assert await audit.findings(town) == []
        bank.broken = False
        assert await jobs.settle_cash_outs(town.app) == 0  # it may still be running
        town.clock.advance(LATER)
        assert sorted(await asyncio.gather(*(jobs.settle_cash_outs(town.app) for _ in range(3)))) == [0, 0, 1]
        assert len(set(bank.asked)) == 1
        assert await wallet(alice) == (400, 0, 0)
        again = await cash_out(alice, theirs, 600, key=key)
        assert (again.status_code, again.json()["status"]) == (201, "settled")
        assert again.headers["idempotent-replayed"] == "true"
        assert await audit.findings(town) == []


async def test_a_cash_out_that_died_and_is_refused_comes_back(fresh: World) -> None:
    bank = FlakyBank()
    async with steps.town_in(fresh, bank) as town:
        alice, key = await town.person("alice", money=1000), new_key()
        theirs = await source(alice, "sandbox_bank_no_funds")
        bank.broken = True
        await cash_out(alice, theirs, 600, key=key)
        bank.broken = False
        town.clock.advance(LATER)
        assert await settle(town) == 1
        assert await wallet(alice) == (1000, 0, 0)
        assert told(await cash_out(alice, theirs, 600, key=key)) == (402, "bank_declined")
        assert await audit.findings(town) == []


async def test_a_slow_answer_and_the_job_settle_it_once_between_them(fresh: World) -> None:
    bank = FlakyBank()
    async with steps.town_in(fresh, bank) as town:
        alice, key = await town.person("alice", money=1000), new_key()
        theirs = await source(alice)
        bank.entered.clear()
        bank.may_answer.clear()
        first = asyncio.create_task(cash_out(alice, theirs, 600, key=key))
        await bank.entered.wait()
        town.clock.advance(LATER)
        settling = asyncio.create_task(jobs.settle_cash_outs(town.app))
        await bank.entered_again.wait()
        bank.may_answer.set()
        answer = await first
        await settling
        assert await wallet(alice) == (400, 0, 0)
        assert (await cash_out(alice, theirs, 600, key=key)).content == answer.content
        assert await audit.findings(town) == []


async def test_of_twenty_cash_outs_at_once_through_two_apps_the_balance_covers_exactly_three(fresh: World) -> None:
    alice = await fresh.person("alice", money=1000)
    bank = await source(alice)
    async with storm.second_app(fresh) as other:
        clients = [alice if number % 2 else storm.at(other, alice) for number in range(20)]
        sends = [partial(cash_out, client, bank, 300, key=new_key()) for client in clients]
        answers = await asyncio.gather(*(until_answered(send) for send in sends))
    assert Counter(map(told, answers)) == {(201, None): 3, (402, "insufficient_funds"): 17}
    assert await wallet(alice) == (100, 0, 0)
    assert await audit.findings(fresh) == []


async def test_a_cash_out_and_payments_of_the_same_money_at_once(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=1000), await fresh.person("bob")
    bank = await source(alice)
    async with storm.second_app(fresh) as other:
        there = storm.at(other, alice)
        sends = [partial(cash_out, there, bank, 1000, key=new_key()) for _ in range(10)]
        sends += [partial(alice.pay, bob, 1000, key=new_key()) for _ in range(10)]
        answers = await asyncio.gather(*(until_answered(send) for send in sends))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 402: 19}
    assert await wallet(alice) == (0, 0, 0)
    assert await audit.findings(fresh) == []


async def test_keys_sent_three_times_at_once_move_the_money_once(fresh: World) -> None:
    alice = await fresh.person("alice", money=1000)
    bank, keys = await source(alice), [new_key() for _ in range(6)]
    async with storm.second_app(fresh) as other:
        people = [alice, storm.at(other, alice), alice]
        answers = await asyncio.gather(*(cash_out(one, bank, 100, key=key) for key in keys for one in people))
    assert {answer.status_code for answer in answers} <= {201, 409, 503}
    bodies = [(await until_answered(partial(cash_out, alice, bank, 100, key=key))).content for key in keys]
    assert {answer.content for answer in answers if answer.status_code == 201} <= set(bodies)
    assert len(set(bodies)) == 6
    assert await wallet(alice) == (400, 0, 0)
    assert await audit.findings(fresh) == []


async def test_cash_outs_at_the_edge_of_the_limit_never_pass_it(fresh: World) -> None:
    async with steps.town_in(fresh, FlakyBank(), figures=Figures(cashed_out_unverified=1000)) as town:
        alice = await town.person("alice", money=9000)
        bank = await source(alice)
        sends = [partial(cash_out, alice, bank, 300, key=new_key()) for _ in range(12)]
        answers = await asyncio.gather(*(until_answered(send) for send in sends))
        assert Counter(map(told, answers)) == {(201, None): 3, (402, "limit_exceeded"): 9}
        assert await wallet(alice) == (8100, 0, 0)
        assert await audit.findings(town) == []


async def test_dry_runs_beside_real_ones_deadlock_with_nobody(fresh: World) -> None:
    alice = await fresh.person("alice", money=100_000)
    bank = await source(alice)
    for _ in range(5):
        answers = await asyncio.gather(
            *(
                move(alice, bank, 100, dry_run=dry_run, **more)
                for dry_run in (True, False, True)
                for move, more in ((top_up, {}), (cash_out, {"speed": "instant"}))
            )
        )
        assert Counter(answer.status_code for answer in answers) == {200: 4, 201: 2}
    [row] = await run(fresh, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert row["deadlocks"] == 0
    assert await audit.findings(fresh) == []


async def test_a_planted_defect_is_seen_a_fee_the_bank_gets_too(fresh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "fees_account", rules.bank_account)
    alice = await fresh.person("alice", money=1000)
    answer = await cash_out(alice, await source(alice), 500, speed="instant")
    assert answer.status_code == 500  # one account twice: the book refuses it
    monkeypatch.undo()
    fresh.clock.advance(LATER)
    assert await settle(fresh) == 1
    assert await audit.findings(fresh) == []


async def test_a_planted_defect_is_seen_an_end_that_does_not_look_whether_it_has_ended(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = FlakyBank()
    real = cash_outs.queries.lock_cash_out

    async def always_pending(tx: Any, cash_out_id: Any) -> Any:
        row = await real(tx, cash_out_id)
        return type("Row", (), {"status": "pending", "ended_at": row.ended_at})

    async with steps.town_in(fresh, bank) as town:
        alice, key = await town.person("alice", money=1000), new_key()
        theirs = await source(alice)
        monkeypatch.setattr(cash_outs.queries, "lock_cash_out", always_pending)
        bank.entered.clear()
        bank.may_answer.clear()
        first = asyncio.create_task(cash_out(alice, theirs, 600, key=key))
        await bank.entered.wait()
        town.clock.advance(LATER)
        settling = asyncio.create_task(jobs.settle_cash_outs(town.app))
        await bank.entered_again.wait()
        bank.may_answer.set()
        answer, ended = (await first).status_code, await settling
        assert (answer, ended) in {(409, 1), (201, 0)}  # the hold stops the second; nothing hides it
        monkeypatch.undo()
        assert await audit.findings(town) == []
