"""Large payments of people with a second factor: approved for one payee and one amount, in one session, once."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.auth.authenticator import add_totp, totp_code, use_token
from tests.conftest import GENEROUS, PASSWORD, Person, World, new_key, new_name, world_over
from venmo_api.auth import step_up
from venmo_api.core.figures import Figures
from venmo_api.settings import Settings

LARGE = 1_000_01


@pytest.fixture
async def careful(settings: Settings) -> AsyncIterator[World]:
    """The generous app, save that large payments need approval."""
    figures = dataclasses.replace(GENEROUS, approve_above=Figures().approve_above)
    async with world_over(settings.model_copy(update={"figures": figures})) as made:
        yield made


class Payer:
    """Somebody with money and an authenticator app."""

    def __init__(self, world: World, person: Person, secret: str) -> None:
        self.world, self.person, self.secret = world, person, secret

    async def approval(self, approves: dict[str, Any]) -> str:
        self.world.wall_clock.advance(timedelta(seconds=30))
        body = {"factor": "totp", "code": totp_code(self.world, self.secret), "approves": approves}
        answer = await self.person.post("/auth/step-up", body)
        use_token(self.person, answer)
        approval: str = answer.json()["approval"]
        return approval

    async def pay(
        self,
        recipient: dict[str, str],
        approval: str | None = None,
        *,
        amount: int = LARGE,
        key: str | None = None,
        **more: Any,
    ) -> httpx2.Response:
        headers = self.person.headers | {"Idempotency-Key": key or new_key()}
        headers |= {"Approval": approval} if approval else {}
        body = {"recipient": recipient, "amount": amount, "note": "car", **more}
        return await self.person.client.post("/v1/transfers", headers=headers, json=body)


async def payer(world: World) -> Payer:
    alice = await world.person("alice", money=LARGE * 10)
    secret, _ = await add_totp(world, alice)
    return Payer(world, alice, secret)


def refused(answer: httpx2.Response) -> bool:
    return (answer.status_code, answer.json().get("code")) == (403, "step_up_required")


async def test_a_large_payment_needs_an_approval_and_is_made_with_it(careful: World) -> None:
    alice, bob = await payer(careful), await careful.person("bob")
    answer = await alice.pay({"user_id": bob.id})
    assert refused(answer)
    assert answer.json()["approves"] == {"recipient_id": bob.id, "amount": LARGE}
    assert answer.json()["factors"] == ["totp", "recovery"]
    approval = await alice.approval(answer.json()["approves"])
    assert (await alice.pay({"user_id": bob.id}, approval)).status_code == 201
    assert await bob.balance() == LARGE


async def test_a_refund_needs_none_however_large(careful: World) -> None:
    """It goes to who paid and to nobody else: there is no payee for a thief to choose."""
    alice, bob = await payer(careful), await careful.person("bob", money=LARGE)
    paid = (await bob.pay(alice.person, LARGE)).json()
    answer = await alice.person.post(f"/transfers/{paid['id']}/refund", {}, key=new_key())
    assert answer.status_code == 201, answer.text
    assert await bob.balance() == LARGE


async def test_a_smaller_one_needs_none_and_neither_does_who_has_no_factor(careful: World) -> None:
    alice, bob = await payer(careful), await careful.person("bob")
    assert (await alice.pay({"user_id": bob.id}, amount=LARGE - 1)).status_code == 201
    carol = await careful.person("carol", money=LARGE)
    assert (await carol.pay(bob, LARGE)).status_code == 201


async def test_an_approval_holds_for_every_name_of_its_payee(careful: World) -> None:
    alice, bob = await payer(careful), await careful.person("bob")
    approval = await alice.approval({"recipient_id": bob.id, "amount": LARGE})
    assert (await alice.pay({"username": bob.username}, approval)).status_code == 201
    await bob.verify()
    approval = await alice.approval({"recipient_id": bob.id, "amount": LARGE})
    assert (await alice.pay({"email": bob.email}, approval)).status_code == 201


async def test_an_approval_of_a_contact_that_nobody_has_proved(careful: World) -> None:
    alice, address = await payer(careful), f"{new_name()}@example.com"
    assert (await alice.pay({"email": address})).json()["approves"] == {"recipient_id": None, "amount": LARGE}
    approval = await alice.approval({"email": address.upper(), "amount": LARGE})
    assert refused(await alice.pay({"email": "x" + address}, approval))
    assert (await alice.pay({"email": address}, approval)).status_code == 201


@pytest.mark.parametrize("wrong", ["payee", "amount", "expired", "junk"])
async def test_an_approval_of_something_else_is_none(careful: World, wrong: str) -> None:
    alice, bob, carol = await payer(careful), await careful.person("bob"), await careful.person("carol")
    approval = await alice.approval({"recipient_id": bob.id, "amount": LARGE})
    payee, amount = bob, LARGE
    if wrong == "payee":
        payee = carol
    elif wrong == "amount":
        amount += 1
    elif wrong == "expired":
        careful.wall_clock.advance(timedelta(minutes=5))
    else:
        approval = approval[:-1] + "é"
    headers = {"Approval": approval.encode("latin-1")}
    all_headers = {**alice.person.headers, "Idempotency-Key": new_key(), **headers}
    body = {"recipient": {"user_id": payee.id}, "amount": amount, "note": "car"}
    assert refused(await careful.client.post("/v1/transfers", headers=all_headers, json=body))


async def test_an_approval_is_of_its_session(careful: World) -> None:
    alice, bob = await payer(careful), await careful.person("bob")
    approval = await alice.approval({"recipient_id": bob.id, "amount": LARGE})
    device = alice.person.tokens["device_token"]
    body = {"identifier": alice.person.username, "password": PASSWORD, "device_token": device}
    before = alice.person.tokens
    alice.person.tokens = (await careful.client.post("/v1/auth/token", json=body)).json()
    assert refused(await alice.pay({"user_id": bob.id}, approval))
    alice.person.tokens = before
    assert (await alice.pay({"user_id": bob.id}, approval)).status_code == 201


async def test_an_approval_is_for_one_payment_which_may_be_retried(careful: World) -> None:
    alice, bob, key = await payer(careful), await careful.person("bob"), new_key()
    approval = await alice.approval({"recipient_id": bob.id, "amount": LARGE})
    first = await alice.pay({"user_id": bob.id}, approval, key=key)
    assert first.status_code == 201
    assert refused(await alice.pay({"user_id": bob.id}, approval))
    careful.wall_clock.advance(timedelta(minutes=6))
    again = await alice.pay({"user_id": bob.id}, approval, key=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert await bob.balance() == LARGE


async def test_of_many_payments_at_once_with_one_approval_one_is_made(careful: World) -> None:
    alice, bob = await payer(careful), await careful.person("bob")
    approval = await alice.approval({"recipient_id": bob.id, "amount": LARGE})
    answers = await asyncio.gather(*(alice.pay({"user_id": bob.id}, approval) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201, *[403] * 7]
    assert await bob.balance() == LARGE


async def test_without_the_key_in_it_an_approval_would_pay_twice(
    careful: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The defect is planted: what the tests above look at does bite."""
    forgetful = str(step_up.USE_APPROVAL).replace("idempotency_key = :key OR", "true OR")
    monkeypatch.setattr(step_up, "USE_APPROVAL", step_up.text(forgetful))
    alice, bob = await payer(careful), await careful.person("bob")
    approval = await alice.approval({"recipient_id": bob.id, "amount": LARGE})
    for _ in range(2):
        assert (await alice.pay({"user_id": bob.id}, approval)).status_code == 201


async def test_a_payment_that_was_refused_has_used_its_approval_up(careful: World) -> None:
    alice, bob, key, much = await payer(careful), await careful.person("bob"), new_key(), LARGE * 20
    approval = await alice.approval({"recipient_id": bob.id, "amount": much})
    for _ in range(2):
        assert (await alice.pay({"user_id": bob.id}, approval, amount=much, key=key)).status_code == 402
    assert refused(await alice.pay({"user_id": bob.id}, approval, amount=much))


async def test_other_ways_to_the_same_money_need_it_too(careful: World) -> None:
    alice, bob = await payer(careful), await careful.person("bob")
    body = {"payee": {"user_id": bob.id}, "amount": LARGE, "note": "deposit"}
    approves = {"recipient_id": bob.id, "amount": LARGE}
    asked = {"payer": {"user_id": alice.person.id}, "amount": LARGE, "note": "rent"}
    made = (await bob.post("/requests", asked, key=new_key())).json()["id"]
    for path, sent in (("/holds", body), (f"/requests/{made}/accept", {})):
        answer = await alice.person.post(path, sent, key=new_key())
        assert refused(answer), path
        assert answer.json()["approves"] == approves
        approval = await alice.approval(approves)
        headers = alice.person.headers | {"Idempotency-Key": new_key(), "Approval": approval}
        done = await careful.client.post("/v1" + path, headers=headers, json=sent)
        assert done.status_code in (200, 201), done.text


async def test_an_approval_moves_money_in_one_way_only(careful: World) -> None:
    """Under one key, each route has an operation of its own."""
    alice, bob, key = await payer(careful), await careful.person("bob"), new_key()
    approval = await alice.approval({"recipient_id": bob.id, "amount": LARGE})
    asked = {"payer": {"user_id": alice.person.id}, "amount": LARGE, "note": "rent"}
    made = (await bob.post("/requests", asked, key=new_key())).json()["id"]
    assert (await alice.pay({"user_id": bob.id}, approval, key=key)).status_code == 201
    headers = alice.person.headers | {"Idempotency-Key": key, "Approval": approval}
    hold = {"payee": {"user_id": bob.id}, "amount": LARGE, "note": "deposit"}
    for path, sent in (("/holds", hold), (f"/requests/{made}/accept", {})):
        assert refused(await careful.client.post("/v1" + path, headers=headers, json=sent)), path
    assert (await alice.pay({"user_id": bob.id}, approval, key=key)).status_code == 201
    assert await bob.balance() == LARGE


async def test_a_rehearsal_needs_none_and_uses_none_up(careful: World) -> None:
    alice, bob = await payer(careful), await careful.person("bob")
    assert (await alice.pay({"user_id": bob.id}, dry_run=True)).status_code in (200, 201)


async def test_nobody_is_known_by_a_name_nobody_has(careful: World) -> None:
    alice = await payer(careful)
    answer = await alice.pay({"username": new_name()})
    assert (answer.status_code, answer.json()["code"]) == (404, "recipient_not_found")


async def test_who_is_hidden_is_approved_like_nobody(careful: World) -> None:
    """Neither an id nor that there is such a person is told."""
    alice, bob = await payer(careful), await careful.person("bob")
    await bob.verify()
    assert (await bob.post(f"/users/{alice.person.id}/block")).status_code == 204
    for known, unknown in (
        ({"username": bob.username}, {"username": new_name()}),
        ({"email": bob.email}, {"email": f"{new_name()}@example.com"}),
    ):
        answers = [(await alice.pay(who)).json() for who in (known, unknown)]
        for answer in answers:
            answer.pop("request_id")
        assert answers[0] == answers[1]
        assert bob.id not in str(answers)
