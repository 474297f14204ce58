"""Many clients on few accounts: nothing spent twice, nothing lost, nobody deadlocked."""

import asyncio
from collections import Counter

from tests.conftest import World, new_key
from tests.ledger import audit
from tests.races import storm


async def test_of_fifty_parallel_sends_of_the_whole_balance_exactly_one_succeeds(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=1000), await fresh.person("bob")
    answers = await asyncio.gather(*(alice.pay(bob, 1000) for _ in range(50)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 402: 49}
    assert (await alice.balance(), await bob.balance()) == (0, 1000)
    assert await audit.findings(fresh) == []


async def test_of_fifty_parallel_sends_through_two_apps_exactly_one_succeeds(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=1000), await fresh.person("bob")
    async with storm.second_app(fresh) as other:
        clients = [alice if number % 2 else storm.at(other, alice) for number in range(50)]
        answers = await asyncio.gather(*(client.pay(bob, 1000) for client in clients))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 402: 49}
    assert (await alice.balance(), await bob.balance()) == (0, 1000)
    assert await audit.findings(fresh) == []


async def test_of_a_balance_for_seven_payments_seven_are_paid(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=7 * 30 + 29), await fresh.person("bob")
    answers = await asyncio.gather(*(alice.pay(bob, 30) for _ in range(40)))
    assert Counter(answer.status_code for answer in answers) == {201: 7, 402: 33}
    assert (await alice.balance(), await bob.balance()) == (29, 210)


async def test_64_clients_on_8_accounts_conserve_every_cent(fresh: World) -> None:
    people = [await fresh.person(money=1000) for _ in range(8)]
    wanted = storm.payments(storm.seeded(), people=8, count=400)
    results = await storm.rage([fresh], people, wanted)
    assert await storm.disagreements(fresh, results) == []
    assert await storm.total(people) == 8000
    assert Counter(status for result in results for status in result.statuses)[201] > 200


async def test_64_clients_on_8_accounts_through_two_apps_with_keys_sent_three_times(fresh: World) -> None:
    people = [await fresh.person(money=1000) for _ in range(8)]
    wanted = storm.payments(storm.seeded(), people=8, count=400, tripled=0.2)
    async with storm.second_app(fresh) as other:
        results = await storm.rage([fresh, other], people, wanted)
    assert await storm.disagreements(fresh, results) == []
    assert await storm.total(people) == 8000
    assert sum(len(result.answers) == 3 for result in results) > 40


async def test_opposite_payments_through_two_apps_do_not_deadlock(fresh: World) -> None:
    people = [await fresh.person(money=10_000) for _ in range(2)]
    wanted = [storm.Payment(number % 2, 1 - number % 2, 1 + number % 5, new_key()) for number in range(200)]
    async with storm.second_app(fresh) as other:
        results = await storm.rage([fresh, other], people, wanted)
        assert await storm.deadlocks(fresh, other) == 0
    assert await storm.disagreements(fresh, results) == []
    assert {status for result in results for status in result.statuses} == {201}


async def test_payments_and_top_ups_of_the_same_people_at_once_all_happen(fresh: World) -> None:
    people = [await fresh.person(money=1000) for _ in range(4)]
    wanted = storm.payments(storm.seeded(), people=4, count=100, amount_most=5)
    results, *_ = await asyncio.gather(
        storm.rage([fresh], people, wanted, clients=16), *(person.top_up(10) for _ in range(5) for person in people)
    )
    assert await storm.disagreements(fresh, results) == []
    assert await storm.total(people) == 4 * 1050


async def test_a_hundred_people_pay_one(fresh: World) -> None:
    payers = [await fresh.person(money=100) for _ in range(5)]
    shop = await fresh.person("shop")
    answers = await asyncio.gather(*(payer.pay(shop, 5) for _ in range(20) for payer in payers))
    assert {answer.status_code for answer in answers} == {201}
    assert await shop.balance() == 500
    assert await audit.findings(fresh) == []
