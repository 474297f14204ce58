"""Pushes and mail: to whom they go, how much they tell, and what becomes of those that cannot go out."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.conftest import Person, World, new_key, world_over
from tests.notifications.steps import TOKEN, again, choose, kinds, raw, register, sent, told
from venmo_api.adapters.postgres import Transaction
from venmo_api.adapters.push import NoPush, Platform, SandboxPush
from venmo_api.core.errors import Unavailable
from venmo_api.notifications import jobs
from venmo_api.notifications.rules import MAILED_ALWAYS, TOKENS_MOST, Kind
from venmo_api.settings import Settings
from venmo_api.transfers import jobs as transfers


class Flaky(SandboxPush):
    """Fails as often as told, and remembers the keys under which it was asked."""

    def __init__(self, *made: Any, fails: int = 0) -> None:
        super().__init__(*made)
        self.fails = fails
        self.keys: list[str] = []

    async def send(self, user_id: UUID, platform: Platform, token: str, text: str, *, key: str) -> None:
        self.keys.append(key)
        if self.fails:
            self.fails -= 1
            raise Unavailable("away")
        await super().send(user_id, platform, token, text, key=key)


async def paid(world: World) -> tuple[Person, Person]:
    """Alice, and Bob, whom she has paid 12.50 and who has a phone."""
    alice, bob = await world.person(money=5000, display_name="Alice"), await world.person()
    await register(bob, f"{TOKEN}{bob.username}")
    await alice.pay(bob, 1250, note="secret plans")
    return alice, bob


async def tokens(world: World, person: Person) -> list[Any]:
    async def read(tx: Transaction) -> list[Any]:
        found = await tx.execute(text("SELECT * FROM push_tokens WHERE user_id = :id"), {"id": raw(person)})
        return list(found.all())

    return await world.app.database.read(read)


async def waiting(world: World, person: Person) -> int:
    async def count(tx: Transaction) -> int:
        asked = text("SELECT count(*) FROM notification_sends WHERE user_id = :id")
        return int((await tx.execute(asked, {"id": raw(person)})).scalar_one())

    return await world.app.database.read(count)


async def test_a_push_names_nobody_and_no_amount_unless_that_is_wanted(world: World) -> None:
    alice, bob = await paid(world)
    assert await sent(world, bob, "push") == ["You have been paid."]
    await choose(bob, "paid", push="full")
    await alice.pay(bob, 250, note="more secrets")
    assert (await sent(world, bob, "push"))[0] == "Alice paid you $2.50."
    await choose(bob, "paid", push="off")
    await alice.pay(bob, 300)
    assert len(await sent(world, bob, "push")) == 2
    assert await kinds(world, bob) == ["paid"] * 3
    assert await sent(world, alice, "push") == []


async def test_each_goes_out_once_and_to_each_phone(world: World) -> None:
    _, bob = await paid(world)
    elsewhere = await again(bob)
    assert (await sent(world, bob, "push")).count("You have been paid.") == 1
    await register(elsewhere, f"{TOKEN}-tablet-{bob.username}", "fcm")
    alice = await world.person(money=100)
    await alice.pay(bob, 1)
    found = await sent(world, bob, "push")
    assert found.count("You have been paid.") == 3
    assert await sent(world, bob, "push") == found
    inbox = (await bob.get("/sandbox/inbox")).json()["data"]
    assert {message["address"].partition(":")[0] for message in inbox if message["channel"] == "push"} == {
        "apns",
        "fcm",
    }


async def test_mail_goes_by_choice_and_to_proved_addresses_only(world: World) -> None:
    alice, bob = await paid(world)
    before = len(await sent(world, bob, "email"))
    await choose(bob, "paid", mail=True)
    await alice.pay(bob, 100)
    assert len(await sent(world, bob, "email")) == before
    await bob.verify("email")
    await alice.pay(bob, 200)
    assert (await sent(world, bob, "email"))[0] == "Alice paid you $2.00."
    assert await waiting(world, bob) == 0


async def test_money_that_comes_back_is_mailed_without_asking(world: World) -> None:
    alice = await world.person(money=500)
    await alice.verify("email")
    body = {"recipient": {"email": f"{alice.username}@nowhere.example"}, "amount": 100, "note": "hi"}
    await alice.post("/transfers", body, key=new_key())
    world.clock.advance(timedelta(days=15))
    await transfers.return_unclaimed(world.app)
    assert "claimed your payment" in (await sent(world, alice, "email"))[0]


async def test_what_concerns_signing_in_is_mailed_once_by_who_always_did(world: World) -> None:
    alice = await world.person()
    await alice.verify("email")
    await register(alice, f"{TOKEN}{alice.username}")
    before = len(await sent(world, alice, "email"))
    await again(alice)
    assert len(await sent(world, alice, "email")) == before + 1
    assert await sent(world, alice, "push") == ["Your account was used from a new device."]


async def test_choices_are_kept_and_told(world: World) -> None:
    alice = await world.person()
    usual = (await alice.get("/me/notifications")).json()["kinds"]
    assert [one["kind"] for one in usual] == list(Kind)
    assert all(one["push"] == "brief" for one in usual)
    mailed = {one["kind"] for one in usual if one["mail"]}
    failed = {"payment_returned", "payment_cancelled", "payment_failed", "top_up_failed", "cash_out_failed"}
    assert mailed == failed | set(MAILED_ALWAYS)
    wanted = [{"kind": "liked", "push": "off", "mail": False}, {"kind": "paid", "push": "full", "mail": True}]
    answer = await alice.put("/me/notifications", {"kinds": wanted})
    assert answer.json() == (await alice.get("/me/notifications")).json()
    assert [one for one in answer.json()["kinds"] if one["kind"] in ("liked", "paid")] == wanted[::-1]
    await alice.put("/me/notifications", {"kinds": []})
    assert (await alice.get("/me/notifications")).json()["kinds"] == usual


@pytest.mark.parametrize(
    ("choices", "code", "pointer"),
    [
        ([{"kind": "paid", "push": "brief", "mail": False}] * 2, "invalid_field", "/kinds/1/kind"),
        ([{"kind": "new_device", "push": "off", "mail": False}], "mail_not_optional", "/kinds/0/mail"),
        ([{"kind": "gossip", "push": "off", "mail": False}], "validation_failed", "/kinds/0/kind"),
        ([{"kind": "paid", "push": True, "mail": False}], "validation_failed", "/kinds/0/push"),
        ([{"kind": "paid", "push": "off", "mail": "no"}], "validation_failed", "/kinds/0/mail"),
    ],
)
async def test_choices_that_cannot_be_are_refused(world: World, choices: Any, code: str, pointer: str) -> None:
    alice = await world.person()
    answer = await alice.put("/me/notifications", {"kinds": choices})
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_two_who_choose_at_once_leave_one_whole_choice(world: World) -> None:
    alice = await world.person()
    await asyncio.gather(*(choose(alice, "paid", push=push) for push in ("off", "full", "brief") for _ in range(3)))
    found = (await alice.get("/me/notifications")).json()["kinds"]
    assert len(found) == len(Kind)


async def test_signing_out_ends_the_pushes_of_that_phone(world: World) -> None:
    alice, bob = await paid(world)
    await sent(world, bob, "push")
    elsewhere = await again(bob)
    await register(elsewhere, f"{TOKEN}-tablet-{bob.username}", "fcm")
    await alice.pay(bob, 1)
    await world.drain()
    assert await waiting(world, bob) == 2 + 2  # of the payment, and of the new device
    assert (await elsewhere.post("/auth/logout")).status_code == 204
    await jobs.send_due(world.app)
    inbox = (await bob.get("/sandbox/inbox", limit=100)).json()["data"]
    assert not [message for message in inbox if message["address"].startswith("fcm:")]
    await alice.pay(bob, 2)
    await world.drain()
    assert await waiting(world, bob) == 1
    await jobs.forget_old(world.app)
    assert [token.platform for token in await tokens(world, bob)] == ["apns"]


async def test_a_session_that_is_ended_from_elsewhere_gets_no_pushes(world: World) -> None:
    alice, bob = await paid(world)
    await bob.verify("email")
    elsewhere = await again(bob)
    assert (
        await elsewhere.post(
            "/me/password", {"current_password": "correct horse battery", "new_password": "a long new one 7"}
        )
    ).status_code == 204
    await alice.pay(elsewhere, 1)
    assert await sent(world, elsewhere, "push") == []
    refused = await bob.post("/me/push-tokens", {"platform": "apns", "token": TOKEN})
    assert refused.status_code in (401, 404)


async def test_planted_a_push_that_does_not_look_at_the_session_would_go_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from venmo_api.notifications import queries

    _, bob = await paid(world)
    await world.drain()
    await bob.post("/auth/logout")
    blind = queries.CLAIM_SENDS.text.replace("AND i.revoked_at IS NULL", "")
    assert blind != queries.CLAIM_SENDS.text
    monkeypatch.setattr(queries, "CLAIM_SENDS", text(blind))
    await jobs.send_due(world.app)
    assert len((await (await again(bob)).get("/sandbox/inbox")).json()["data"][:1]) == 1
    signed_in = await again(bob)
    inbox = (await signed_in.get("/sandbox/inbox")).json()["data"]
    assert "push" in {message["channel"] for message in inbox}


async def test_a_phone_is_one_persons_at_a_time(world: World) -> None:
    alice, bob = await world.person(money=100), await world.person(money=100)
    token = f"{TOKEN}-shared-{alice.username}"
    await register(alice, token)
    await register(bob, token)
    await register(bob, token)
    await alice.pay(bob, 1)
    await bob.pay(alice, 2)
    assert "You have been paid." not in await sent(world, alice, "push")
    assert "You have been paid." in await sent(world, bob, "push")
    assert (await bob.delete("/me/push-tokens")).status_code == 204
    assert (await bob.delete("/me/push-tokens")).status_code == 204
    assert await tokens(world, bob) == []


async def test_tokens_are_sealed_and_so_many_at_most(world: World) -> None:
    alice = await world.person()
    for number in range(TOKENS_MOST + 2):
        await register(await again(alice), f"{TOKEN}-{alice.username}-{number}")
    found = await tokens(world, alice)
    assert len(found) == TOKENS_MOST
    assert not [row for row in found if TOKEN.encode() in row.sealed or TOKEN.encode() in row.token_hash]


@pytest.mark.parametrize("body", [{"platform": "pager", "token": TOKEN}, {"platform": "apns", "token": "short"}])
async def test_tokens_that_cannot_be_are_refused(world: World, body: dict[str, str]) -> None:
    assert (await (await world.person()).post("/me/push-tokens", body)).status_code == 422


async def test_a_token_of_an_app_that_was_removed_is_forgotten(world: World) -> None:
    alice, bob = await world.person(money=100), await world.person()
    await register(bob, f"gone-{TOKEN}")
    await alice.pay(bob, 1)
    assert await sent(world, bob, "push") == []
    assert await tokens(world, bob) == []
    assert await waiting(world, bob) == 0


async def test_what_cannot_go_out_is_tried_again_and_holds_up_nobody(settings: Settings, world: World) -> None:
    flaky = Flaky(world.app.database, world.clock, world.app.new_id, fails=2)
    async with world_over(settings, push=flaky, clock=world.clock) as other:
        _, bob = await paid(other)
        assert await sent(other, bob, "push") == []
        assert await kinds(other, bob) == ["paid"]
        assert await waiting(other, bob) == 1
        for _ in range(2):
            world.clock.advance(timedelta(minutes=1))
            await jobs.send_due(other.app)
        assert await sent(other, bob, "push") == ["You have been paid."]
        assert await waiting(other, bob) == 0
        assert len(flaky.keys) == 3
        assert len(set(flaky.keys)) == 1


async def test_what_never_goes_out_is_given_up(settings: Settings, world: World) -> None:
    flaky = Flaky(world.app.database, world.clock, world.app.new_id, fails=1000)
    async with world_over(settings, push=flaky, clock=world.clock) as other:
        _, bob = await paid(other)
        await other.drain()
        for _ in range(14):
            await jobs.send_due(other.app)
            world.clock.advance(timedelta(minutes=6))
        assert await waiting(other, bob) == 0
        assert len(await told(other, bob)) == 1


async def test_who_dies_while_sending_has_it_sent_again_later(world: World) -> None:
    _, bob = await paid(world)
    await world.drain()
    claimed, _ = await world.app.database.transact(jobs._claim, world.app)
    assert claimed
    assert await sent(world, bob, "push") == []
    world.clock.advance(jobs.LEASE + timedelta(seconds=1))
    assert await sent(world, bob, "push") == ["You have been paid."]


async def test_many_who_send_at_once_send_each_once(world: World) -> None:
    alice, bob = await paid(world)
    for amount in range(10):
        await alice.pay(bob, amount + 1)
    await world.drain()
    await asyncio.gather(*(jobs.send_due(world.app) for _ in range(4)))
    assert len(await sent(world, bob, "push")) == 11


async def test_what_its_reader_may_no_longer_see_does_not_go_out(world: World) -> None:
    alice, bob = await paid(world)
    await world.drain()
    await bob.post(f"/users/{alice.id}/block")
    assert await sent(world, bob, "push") == []
    assert await waiting(world, bob) == 0


async def test_where_no_platform_is_set_up_no_token_is_taken(settings: Settings, world: World) -> None:
    async with world_over(settings, push=NoPush()) as other:
        alice = await other.person()
        answer = await alice.post("/me/push-tokens", {"platform": "apns", "token": TOKEN})
        assert (answer.status_code, answer.json()["code"]) == (409, "push_off")
        ready = (await other.client.get("/readyz")).json()
        assert (ready["status"], ready["not_ready"], ready["checks"]["push"]) == ("ready", ["push"], "off")


async def test_an_erased_person_leaves_no_inbox(world: World) -> None:
    from venmo_api.privacy import service as privacy

    alice, bob = await world.person(money=100), await world.person()
    await register(bob, f"{TOKEN}-{bob.username}")
    await choose(bob, "paid", mail=True)
    paid_id = (await alice.pay(bob, 100)).json()["id"]
    await world.drain()
    await bob.post(f"/transfers/{paid_id}/refund", {}, key=new_key())
    await alice.post("/requests", {"payer": {"user_id": bob.id}, "amount": 5, "note": "x"}, key=new_key())
    asked = (await alice.get("/requests")).json()["data"][0]["id"]
    await alice.post(f"/requests/{asked}/cancel")
    await world.app.database.transact(privacy.erase, world.app, bob.username)
    await world.drain()
    for table in ("notifications", "notification_sends", "notification_preferences", "push_tokens"):

        async def count(tx: Transaction, table: str = table) -> int:
            asked = text(f"SELECT count(*) FROM {table} WHERE user_id = :id")
            return int((await tx.execute(asked, {"id": raw(bob)})).scalar_one())

        assert await world.app.database.read(count) == 0, table
