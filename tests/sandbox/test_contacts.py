"""Contacts on a laptop, where nobody can receive mail: the sandbox takes people's word, with exceptions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.conftest import PASSWORD, World, new_key, new_name, world_over
from tests.transfers.steps import new_email, pay_contact, wallet
from venmo_api.adapters.messages import SandboxMessenger
from venmo_api.main import adapters
from venmo_api.settings import Settings


@asynccontextmanager
async def _world(world: World, settings: Settings, *, takes_word: bool) -> AsyncIterator[World]:
    messenger = SandboxMessenger(world.app.database, world.clock, world.app.new_id, takes_word=takes_word)
    async with world_over(settings, messenger=messenger) as made:
        yield made


@pytest.fixture
async def laptop(world: World, settings: Settings) -> AsyncIterator[World]:
    """The app with the messenger that a laptop has."""
    async with _world(world, settings, takes_word=True) as made:
        yield made


def new_phone(prefix: str = "+1415") -> str:
    return prefix + f"{int(new_name().encode().hex(), 16) % 10**7:07d}"


async def test_who_signs_up_has_what_was_paid_to_their_contacts_without_a_code(laptop: World) -> None:
    alice, email, phone = await laptop.person("alice", money=1000), new_email(), new_phone()
    for recipient in ({"email": email}, {"phone": phone}):
        paid = await alice.post("/transfers", {"recipient": recipient, "amount": 300, "note": "x"}, key=new_key())
        assert paid.json()["status"] == "pending"
    bob = await laptop.person("bob", email=email, phone=phone)
    me = (await bob.get("/me")).json()
    assert (me["email_verified"], me["phone_verified"]) == (True, True)
    await laptop.drain()
    assert (await wallet(alice), await wallet(bob)) == ((400, 0, 0), (600, 0, 0))
    assert (await bob.get("/sandbox/inbox")).json()["data"] == []
    assert (await pay_contact(alice, email, 100)).json()["recipient"]["id"] == bob.id


async def test_the_way_of_the_code_can_be_rehearsed(laptop: World) -> None:
    email, phone = f"{new_name()}@Unproved.example", new_phone("+1999")
    alice, bob = await laptop.person("alice", money=1000), await laptop.person("bob", email=email, phone=phone)
    await laptop.drain()
    assert sorted(one["channel"] for one in (await bob.get("/sandbox/inbox")).json()["data"]) == ["email", "phone"]
    paid = await pay_contact(alice, email, 1000)
    assert (paid.json()["status"], await bob.balance()) == ("pending", 0)
    await bob.verify("email")
    await laptop.drain()
    assert await bob.balance() == 1000
    me = (await bob.get("/me")).json()
    assert (me["email_verified"], me["phone_verified"]) == (True, False)


async def test_an_address_that_only_looks_unproved_is_taken_at_its_word(laptop: World) -> None:
    bob = await laptop.person("bob", email=f"{new_name()}@not-unproved.example")
    assert (await bob.get("/me")).json()["email_verified"] is True


async def test_a_messenger_that_does_not_take_words_takes_none(world: World, settings: Settings) -> None:
    async with _world(world, settings, takes_word=False) as strict:
        bob = await strict.person("bob", phone=new_phone())
        me = (await bob.get("/me")).json()
        assert (me["email_verified"], me["phone_verified"]) == (False, False)


async def test_of_two_words_the_first_counts(laptop: World) -> None:
    email, phone = new_email(), new_phone()
    await laptop.person("alice", email=email, phone=phone)
    for field, value in (("email", email.upper()), ("phone", phone)):
        name = new_name()
        body = {"username": name, "display_name": "Mallory", "email": f"{name}@example.com", "password": PASSWORD}
        refused = await laptop.client.post("/v1/auth/sign-up", json=body | {field: value})
        assert (refused.status_code, refused.json()["code"]) == (409, "identifier_taken")
        assert refused.json()["errors"][0]["pointer"] == f"/{field}"


@pytest.mark.parametrize(("environment", "taken"), [("local", True), ("test", False), ("production", False)])
async def test_words_are_taken_on_a_laptop_only(settings: Settings, environment: str, taken: bool) -> None:
    there = settings.model_copy(update={"environment": environment, "mail_from": "hello@pay.example"})
    bundle = adapters(there)
    assert bundle.messenger.takes_word("bob@example.com") is taken
    await bundle.close()
