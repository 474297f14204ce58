"""One key, many senders: one posting and one body, whichever process gets there first."""

import asyncio
from collections import Counter

from tests.conftest import World, new_key
from tests.races import storm


async def test_keys_sent_three_times_at_once_are_posted_once(fresh: World) -> None:
    people = [await fresh.person(money=2000) for _ in range(8)]
    wanted = storm.payments(storm.seeded(), people=8, count=200, tripled=0.2)
    results = await storm.rage([fresh], people, wanted)
    assert await storm.disagreements(fresh, results) == []


async def test_two_apps_racing_over_the_same_keys_post_each_once(fresh: World) -> None:
    people = [await fresh.person(money=2000) for _ in range(3)]
    dice = storm.seeded()
    wanted = [storm.Payment(*dice.sample(range(3), 2), dice.randint(1, 200), new_key(), times=4) for _ in range(60)]
    async with storm.second_app(fresh) as other:
        results = await storm.rage([fresh, other], people, wanted, clients=20)
    assert await storm.disagreements(fresh, results) == []
    for result in results:
        fresh_answers = [answer for answer in result.answers if "idempotent-replayed" not in answer.headers]
        assert len(fresh_answers) == 1
    assert await storm.total(people) == 6000


async def test_one_key_with_two_bodies_through_two_apps_is_paid_once_with_one_of_them(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=1000), await fresh.person("bob")
    async with storm.second_app(fresh) as other:
        for _ in range(10):
            key, before = new_key(), await bob.balance()
            answers = await asyncio.gather(
                *(storm.at((fresh, other)[n % 2], alice).pay(bob, 10 + n % 2, key=key) for n in range(6))
            )
            assert Counter(answer.status_code for answer in answers) == {201: 3, 422: 3}
            paid = {answer.json()["amount"] for answer in answers if answer.status_code == 201}
            assert len(paid) == 1
            assert await bob.balance() - before == paid.pop()
