"""Authorisations count towards limits once, and ask who the payee is as payments do."""

import pytest

from tests.conftest import Person, World, new_key
from tests.holds.steps import authorise, capture, void
from tests.risk.steps import block
from tests.transfers.steps import wallet

MOST = 299_99


async def _friends(world: World) -> tuple[Person, Person]:
    alice, bob = await world.person("alice", money=1000_00), await world.person("bob")
    await alice.befriend(bob)
    return alice, bob


async def _left(person: Person) -> int:
    limits = (await person.get("/limits")).json()["limits"]
    return next(int(one["left"]) for one in limits if one["limit"] == "sent")


async def test_what_is_authorised_counts_at_once_and_captures_do_not_count_again(strict: World) -> None:
    alice, bob = await _friends(strict)
    hold = (await authorise(alice, bob, 200_00)).json()["id"]
    assert await _left(alice) == MOST - 200_00
    await capture(bob, hold, 150_00)
    await void(bob, hold)
    assert await _left(alice) == MOST - 200_00
    assert await _left(bob) == MOST
    key = new_key()
    over = await authorise(alice, bob, 100_00, key=key)
    assert (over.status_code, over.json()["code"], over.json()["left"]) == (402, "limit_exceeded", 99_99)
    assert (await authorise(alice, bob, 100_00, key=key)).content == over.content
    assert (await authorise(alice, bob, 99_99)).status_code == 201
    assert (await alice.pay(bob, 1)).json()["code"] == "limit_exceeded"


@pytest.mark.parametrize("listed", ["payer", "payee"])
async def test_who_is_listed_after_it_was_authorised_neither_pays_nor_is_paid(world: World, listed: str) -> None:
    alice, bob = await _friends(world)
    hold, part = (await authorise(alice, bob, 200_00)).json()["id"], new_key()
    assert (await capture(bob, hold, 50_00, key=part)).status_code == 201
    await block(world, alice if listed == "payer" else bob)
    refused = await capture(bob, hold, 100_00)
    assert (refused.status_code, refused.json()["code"]) == (402, "payment_declined")
    assert (await capture(bob, hold, 50_00, key=part)).status_code == 201, "what was answered is answered again"
    assert (await wallet(alice), await wallet(bob)) == ((800_00, 150_00, 0), (50_00, 0, 0))
    assert (await void(bob, hold)).status_code == 200, "and it goes back"
    assert await wallet(alice) == (950_00, 0, 0)


async def test_a_hold_may_be_captured_though_the_payer_is_at_the_limit(strict: World) -> None:
    alice, bob = await _friends(strict)
    hold = (await authorise(alice, bob, MOST)).json()["id"]
    assert (await capture(bob, hold)).status_code == 201
    assert await _left(alice) == 0


async def test_the_first_large_one_to_somebody_who_is_no_friend_needs_a_confirmation(strict: World) -> None:
    alice, bob = await strict.person("alice", money=1000_00), await strict.person("bob")
    key = new_key()
    doubted = await authorise(alice, bob, 100_01, key=key)
    assert (doubted.status_code, doubted.json()["code"]) == (403, "payee_confirmation_needed")
    assert (await authorise(alice, bob, 100_00)).status_code == 201
    code = (await bob.get("/me/pay-code")).json()["pay_code"]
    for wrong in ("pay_wrong", code[:-1]):
        answer = await authorise(alice, bob, 100_01, key=key, confirmation={"pay_code": wrong})
        assert (answer.status_code, answer.json()["code"]) == (403, "payee_confirmation_wrong")
    assert await wallet(alice) == (900_00, 100_00, 0)
    right = await authorise(alice, bob, 100_01, key=key, confirmation={"pay_code": code})
    assert right.status_code == 201
    carol = await strict.person("carol", money=1000_00)
    assert (await authorise(carol, bob, 100_01, confirmation={"pay_code": code})).status_code == 201
    assert (await carol.pay(bob, 150_00)).status_code == 201


async def test_wrong_digits_are_counted_together_with_those_of_payments(strict: World) -> None:
    alice = await strict.person("alice", money=1000_00)
    bob = await strict.person("bob", phone="+12025550143")
    wrong = {"confirmation": {"phone_last4": "0000"}}
    left = []
    for turn in range(4):
        answer = await (alice.pay(bob, 100_01, **wrong) if turn % 2 else authorise(alice, bob, 100_01, **wrong))
        assert answer.json()["code"] == "payee_confirmation_wrong"
        left.append(answer.json()["tries_left"])
    assert left == [4, 3, 2, 1]
