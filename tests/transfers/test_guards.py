"""What guards a payer from their own slips: the duplicate guard, and confirming the payee."""

import asyncio
import itertools
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import httpx2
import pytest

from tests.conftest import Person, World, new_key, settings_for, world_over
from tests.ledger import audit
from tests.races import storm
from tests.transfers.steps import new_email, pay_contact, run, until_answered
from venmo_api.core.figures import Figures
from venmo_api.transfers import payees

_phones = itertools.count(1000)
ABOVE = 10_001


def new_phone() -> str:
    return f"+1415558{next(_phones)}"


def _told(answer: httpx2.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")


@pytest.fixture
async def duplicates(fresh: World) -> Any:
    """A fresh world where only the duplicate guard is strict, and a second app over it."""
    settings = settings_for(str(fresh.app.database.engine.url.database), redis_number=0, bucket="unused")
    figures = Figures(sent_unverified=10**9, confirm_payee_above=10**9)
    strict = settings.model_copy(update={"figures": figures})
    async with world_over(strict, redis=fresh.app.redis) as one, world_over(strict, redis=fresh.app.redis) as other:
        yield one, other


async def test_the_same_payment_once_more_is_doubted(strict: World) -> None:
    alice, bob = await strict.person("alice", money=1000), await strict.person("bob")
    first = await alice.pay(bob, 100)
    key = new_key()
    doubted = await alice.pay(bob, 100, key=key)
    assert _told(doubted) == (409, "possible_duplicate")
    assert doubted.json()["transfer_id"] == first.json()["id"]
    assert doubted.json()["paid_at"] == first.json()["created_at"]
    assert await bob.balance() == 100
    meant = await alice.pay(bob, 100, key=key, allow_duplicate=True)
    assert _told(meant) == (201, None)
    assert await bob.balance() == 200
    assert (await alice.pay(bob, 100, key=key, allow_duplicate=True)).content == meant.content
    assert (await alice.pay(bob, 100)).json()["transfer_id"] == meant.json()["id"]


async def test_a_retry_under_the_same_key_is_no_duplicate(strict: World) -> None:
    alice, bob = await strict.person("alice", money=1000), await strict.person("bob")
    key = new_key()
    first = await alice.pay(bob, 100, key=key)
    assert (await alice.pay(bob, 100, key=key)).content == first.content


async def test_another_amount_note_or_person_is_another_payment(strict: World) -> None:
    alice, bob, carol = [await strict.person(name, money=1000) for name in ("alice", "bob", "carol")]
    answers = [
        await alice.pay(bob, 100),
        await alice.pay(bob, 101),
        await alice.pay(bob, 100, note="dinner"),
        await alice.pay(carol, 100),
        await bob.pay(alice, 100),
        await carol.pay(bob, 100),
    ]
    assert [answer.status_code for answer in answers] == [201] * 6


async def test_a_person_is_the_same_by_whatever_name(strict: World) -> None:
    alice, bob = await strict.person("alice", money=1000), await strict.person("bob", phone=(phone := new_phone()))
    await bob.verify("email")
    await bob.verify("phone")
    names = [{"user_id": bob.id}, {"username": bob.username}, {"email": bob.email.upper()}, {"phone": phone}]
    answers = [
        await alice.post("/transfers", {"recipient": name, "amount": 100, "note": "lunch"}, key=new_key())
        for name in names
    ]
    assert [_told(answer) for answer in answers] == [(201, None)] + [(409, "possible_duplicate")] * 3
    assert await bob.balance() == 100


async def test_after_ten_minutes_it_is_a_new_payment(strict_fresh: World) -> None:
    alice, bob = await strict_fresh.person("alice", money=1000), await strict_fresh.person("bob")
    await alice.pay(bob, 100)
    strict_fresh.clock.advance(timedelta(minutes=9, seconds=50))
    assert (await alice.pay(bob, 100)).status_code == 409
    strict_fresh.clock.advance(timedelta(seconds=11))
    assert (await alice.pay(bob, 100)).status_code == 201


async def test_what_waits_counts_and_what_was_cancelled_does_not(strict: World) -> None:
    alice, email = await strict.person("alice", money=1000), new_email()
    first = await pay_contact(alice, email, 100)
    assert _told(await pay_contact(alice, email, 100)) == (409, "possible_duplicate")
    await alice.post(f"/transfers/{first.json()['id']}/cancel")
    assert (await pay_contact(alice, email, 100)).json()["status"] == "pending"


async def test_a_payment_to_a_contact_is_known_again_when_somebody_has_claimed_it(strict: World) -> None:
    alice, email = await strict.person("alice", money=1000), new_email()
    first = (await pay_contact(alice, email, 100)).json()
    bob = await strict.person("bob", email=email)
    await bob.verify("email")
    for claimed in (False, True):
        doubted = await pay_contact(alice, email, 100)
        assert (*_told(doubted), doubted.json()["transfer_id"]) == (409, "possible_duplicate", first["id"])
        await strict.drain()
        assert await bob.balance() == 100, claimed
    assert (await pay_contact(alice, email, 100, allow_duplicate=True)).status_code == 201


async def test_of_equal_payments_under_different_keys_at_once_exactly_one_is_made(duplicates: Any) -> None:
    one, other = duplicates
    alice, bob = await one.person("alice", money=10_000), await one.person("bob")
    clients = [alice if number % 2 else storm.at(other, alice) for number in range(30)]
    sends = [partial(client.pay, bob, 100, key=new_key()) for client in clients]
    answers = await asyncio.gather(*(until_answered(send) for send in sends))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 29}
    [made] = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert {answer.json()["transfer_id"] for answer in answers if answer.status_code == 409} == {made}
    assert await bob.balance() == 100
    assert await audit.findings(one) == []


async def _strangers(world: World, **fields: Any) -> tuple[Person, Person]:
    """Two people who are no friends; the first has money and may send a lot. A phone is proved."""
    alice, bob = await world.person("alice", money=200_000), await world.person("bob", **fields)
    await run(world, "UPDATE users SET verified_at = now() WHERE username = $1", alice.username)
    if "phone" in fields:
        await bob.verify("phone")
    return alice, bob


async def test_up_to_the_limit_nobody_is_asked(strict: World) -> None:
    alice, bob = await _strangers(strict)
    assert (await alice.pay(bob, ABOVE - 1)).status_code == 201


async def test_the_first_larger_payment_to_a_stranger_needs_their_digits_and_the_second_nothing(strict: World) -> None:
    alice, bob = await _strangers(strict, phone="+14155574321")
    key = new_key()
    needed = await alice.pay(bob, ABOVE, key=key)
    assert _told(needed) == (403, "payee_confirmation_needed")
    assert needed.json()["accepts"] == ["phone_last4", "pay_code"]
    paid = await alice.pay(bob, ABOVE, key=key, confirmation={"phone_last4": "4321"})
    assert _told(paid) == (201, None)
    assert (await alice.pay(bob, ABOVE, note="second")).status_code == 201
    assert _told(await bob.pay(alice, ABOVE)) != (201, None)


async def test_a_friend_needs_none(strict: World) -> None:
    alice, bob = await _strangers(strict)
    await alice.befriend(bob)
    assert (await alice.pay(bob, ABOVE)).status_code == 201


async def test_who_has_no_phone_is_known_by_their_code(strict: World) -> None:
    alice, bob = await _strangers(strict)
    assert (await alice.pay(bob, ABOVE)).json()["accepts"] == ["pay_code"]
    code = (await bob.get("/me/pay-code")).json()["pay_code"]
    wrong = await alice.pay(bob, ABOVE, confirmation={"pay_code": code + "x"})
    assert (*_told(wrong), wrong.json()["tries_left"]) == (403, "payee_confirmation_wrong", 4)
    assert (await alice.pay(bob, ABOVE, confirmation={"phone_last4": "0000"})).status_code == 403
    assert (await alice.pay(bob, ABOVE, confirmation={"pay_code": code})).status_code == 201


async def test_the_digits_of_a_phone_nobody_has_proved_prove_nothing(strict: World) -> None:
    alice, _ = await _strangers(strict)
    mallory = await strict.person("mallory", phone="+14155574327")
    assert (await alice.pay(mallory, ABOVE)).json()["accepts"] == ["pay_code"]
    guess = await alice.pay(mallory, ABOVE, confirmation={"phone_last4": "4327"})
    assert _told(guess) == (403, "payee_confirmation_wrong")
    assert await mallory.balance() == 0
    await mallory.verify("phone")
    assert (await alice.pay(mallory, ABOVE, confirmation={"phone_last4": "4327"})).status_code == 201


async def test_after_five_wrong_guesses_only_the_code_helps_until_tomorrow(strict: World) -> None:
    alice, bob = await _strangers(strict, phone="+14155574322")
    for left in (4, 3, 2, 1, 0, 0):
        wrong = await alice.pay(bob, ABOVE, confirmation={"phone_last4": "0000"})
        assert (*_told(wrong), wrong.json()["tries_left"]) == (403, "payee_confirmation_wrong", left)
    right = await alice.pay(bob, ABOVE, confirmation={"phone_last4": "4322"})
    assert _told(right) == (403, "payee_confirmation_wrong")
    assert (await alice.pay(bob, ABOVE)).json()["accepts"] == ["pay_code"]
    strict.clock.advance(timedelta(days=1, seconds=1))
    assert (await alice.pay(bob, ABOVE)).json()["accepts"] == ["phone_last4", "pay_code"]
    assert (await alice.pay(bob, ABOVE, confirmation={"phone_last4": "4322"})).status_code == 201


async def test_after_five_wrong_guesses_the_code_still_helps(strict: World) -> None:
    alice, bob = await _strangers(strict, phone="+14155574323")
    for _ in range(5):
        await alice.pay(bob, ABOVE, confirmation={"phone_last4": "0000"})
    code = (await bob.get("/me/pay-code")).json()["pay_code"]
    assert (await alice.pay(bob, ABOVE, confirmation={"pay_code": code})).status_code == 201


async def test_guesses_at_once_are_bounded_like_guesses_in_turn(strict: World) -> None:
    alice, bob = await _strangers(strict, phone="+14155574324")
    sends = [
        partial(alice.pay, bob, ABOVE, key=new_key(), confirmation={"phone_last4": f"{number:04}"})
        for number in range(40)
    ]
    answers = await asyncio.gather(*(until_answered(send) for send in sends))
    assert Counter(answer.json()["tries_left"] for answer in answers) == {4: 1, 3: 1, 2: 1, 1: 1, 0: 36}
    assert _told(await alice.pay(bob, ABOVE, confirmation={"phone_last4": "4324"}))[0] == 403


async def test_a_dry_run_answers_no_guess(strict: World) -> None:
    alice, bob = await _strangers(strict, phone="+14155574325")
    needed = await alice.pay(bob, ABOVE, dry_run=True)
    assert _told(needed) == (403, "payee_confirmation_needed")
    for digits in ("0000", "4325"):
        answer = await alice.pay(bob, ABOVE, dry_run=True, confirmation={"phone_last4": digits})
        assert answer.status_code == 200, answer.text
        assert answer.json()["balances"]["after"]["available"] == 200_000 - ABOVE
    assert _told(await alice.pay(bob, ABOVE, confirmation={"phone_last4": "0000"}))[1] == "payee_confirmation_wrong"
    assert await bob.balance() == 0


async def test_a_planted_defect_is_seen_guesses_that_are_not_counted(
    strict: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = await _strangers(strict, phone="+14155574326")
    monkeypatch.setattr(payees.Attempts, "tries_left", lambda self, at: 5)
    answers = [await alice.pay(bob, ABOVE, confirmation={"phone_last4": "0000"}) for _ in range(7)]
    assert [answer.json()["tries_left"] for answer in answers] == [5] * 7
    assert (await alice.pay(bob, ABOVE, confirmation={"phone_last4": "4326"})).status_code == 201


async def test_what_a_confirmation_may_look_like(strict: World) -> None:
    alice, bob = await _strangers(strict)
    for given in ({}, {"phone_last4": "432"}, {"phone_last4": "abcd"}, {"phone_last4": "1234", "pay_code": "x"}):
        assert (await alice.pay(bob, ABOVE, confirmation=given)).status_code == 422


async def test_goods_and_services_cost_the_seller(fresh: World) -> None:
    alice, shops = await fresh.person("alice", money=100_000), [await fresh.person("shop") for _ in range(3)]
    for shop in shops:
        paid = await alice.pay(shop, 1000, goods_and_services=True)
        assert (paid.json()["seller_fee"], paid.json()["fee"], paid.json()["goods_and_services"]) == (29, 0, True)
        assert await shop.balance() == 971
    tiny = await alice.pay(shops[0], 1, goods_and_services=True)
    assert (tiny.json()["seller_fee"], await shops[0].balance()) == (0, 972)
    assert await alice.balance() == 100_000 - 3001
    taken = await run(fresh, "SELECT sum(balance) AS taken FROM ledger_accounts WHERE kind = 'fees'")
    assert taken[0]["taken"] == 3 * 29
    assert await audit.findings(fresh) == []
