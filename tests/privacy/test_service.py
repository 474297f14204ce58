"""Keys renewed while people use the service; what was in clear before; people forgotten."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from uuid import uuid4

import pytest

from tests.conftest import PASSWORD, Person, World, new_key
from tests.crypto.stand_ins import Vault, rotate, vault_over
from tests.ledger import audit
from tests.privacy.dump import holding, run
from tests.transfers.steps import new_email, pay_contact
from venmo_api.adapters.keys import WrappedKey
from venmo_api.admin import service as staffing
from venmo_api.admin.rules import Role
from venmo_api.archive import proof
from venmo_api.core import ids
from venmo_api.privacy import service as privacy
from venmo_api.privacy.rules import CannotErase
from venmo_api.settings import Settings
from venmo_api.users.rules import UserNotFound

PHONE = "+14155550101"


@pytest.fixture
async def vault(fresh: World, settings: Settings) -> AsyncIterator[Vault]:
    async with vault_over(fresh, settings) as made:
        yield made


def _ignore(line: str) -> None:
    """Progress that nobody reads."""


def _id(person: Person) -> object:
    return ids.decode(ids.USER, person.id)


async def test_after_re_encrypt_no_row_is_under_an_old_key(vault: Vault) -> None:
    world = vault.world
    alice = await world.person("alice", money=1000, phone=PHONE)
    stranger = new_email()
    assert (await pay_contact(alice, stranger, 100)).status_code == 201
    await rotate(world, vault.clock)
    before = await privacy.left(world.app)
    assert (before.keys_wrapped_before, before.contacts_indexed_before, before.payees_indexed_before) == (1, 2, 1)
    lines: list[str] = []
    assert (await privacy.seal_all(world.app, lines.append)).nothing
    assert lines == ["keys wrapped anew: 1", "payees indexed anew: 1", "contacts indexed anew: 2"]
    assert [(key.number, key.rows and key.rows > 0) for key in await privacy.keys(world.app)] == [
        (1, False),
        (2, True),
        (1, None),
        (1, False),
        (2, True),
    ]
    me = (await alice.get("/me")).json()
    assert (me["email"], me["phone"]) == (alice.email, PHONE)
    bob = await world.person("bob", email=stranger)
    await bob.verify()
    await world.drain()
    assert await bob.balance() == 100


async def test_keys_are_renewed_while_people_sign_up_pay_and_change(vault: Vault) -> None:
    world = vault.world
    people = [await world.person("early", money=100_000) for _ in range(6)]
    done, paid = asyncio.Event(), 0

    async def live(person: Person, other: Person) -> int:
        number = 0
        while not done.is_set():
            answers = [
                await person.pay(other, 1, note=f"{number}"),
                await pay_contact(person, new_email(), 1),
                await person.get("/me"),
            ]
            await world.person("late")
            assert {answer.status_code for answer in answers} <= {200, 201}, [answer.text for answer in answers]
            number += 1
        return number

    async def renew() -> None:
        for _ in range(3):
            await rotate(world, vault.clock)
            assert (await privacy.seal_all(world.app, _ignore)).in_clear == 0
        done.set()

    *rounds, _ = await asyncio.gather(
        *(live(person, other) for person, other in zip(people, people[1:] + people[:1], strict=True)), renew()
    )
    paid = sum(number for number in rounds if number)
    assert paid > 0
    assert (await privacy.seal_all(world.app, _ignore)).nothing
    assert await audit.findings(world) == []
    for person in people:
        assert (await person.get("/me")).json()["email"] == person.email


async def test_a_payment_and_its_proof_on_both_sides_of_a_rotation_meet(vault: Vault) -> None:
    world = vault.world
    alice, stranger = await world.person("alice", money=100), new_email()
    assert (await pay_contact(alice, stranger, 100)).json()["status"] == "pending"
    await rotate(world, vault.clock)
    bob = await world.person("bob", email=stranger)
    await bob.verify()
    await world.drain()
    assert await bob.balance() == 0  # the payment is under the index before
    await privacy.seal_all(world.app, _ignore)
    assert await bob.balance() == 100


async def _many_keys(world: World, number: int) -> None:
    """People with keys, without the bother of signing up."""
    rows: list[tuple[object, WrappedKey]] = [(one := uuid4(), world.app.keys.new_person(one)) for _ in range(number)]
    found = [row["number"] for row in await run(world, "SELECT number FROM data_keys WHERE purpose = 'wrapping'")]
    assert found == [1]
    names: Sequence[str] = [f"many_{one}"[:30].replace("-", "_") for one, _ in rows]
    await run(
        world,
        "INSERT INTO users (id, username, display_name, created_at) "
        "SELECT id, name, name, now() FROM unnest($1::uuid[], $2::text[]) AS w (id, name)",
        [one for one, _ in rows],
        names,
    )
    await run(
        world,
        "INSERT INTO person_keys (user_id, wrapped_by, wrapped) SELECT id, 1, wrapped "
        "FROM unnest($1::uuid[], $2::bytea[]) AS w (id, wrapped)",
        [one for one, _ in rows],
        [key.wrapped for _, key in rows],
    )


async def test_re_encrypt_that_was_killed_goes_on_where_it_was(fresh: World, settings: Settings) -> None:
    await _many_keys(fresh, 3000)
    await run(fresh, "UPDATE data_keys SET active_at = active_at - interval '1 hour'")
    await fresh.app.keys.rotate("wrapping")
    await run(fresh, "UPDATE data_keys SET active_at = now() - interval '1 minute' WHERE number = 2")
    url = fresh.app.database.engine.url.render_as_string(hide_password=False)
    env = os.environ | {"VENMO_DATABASE_URL": url, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "venmo_api", "keys", "re-encrypt"]
    child = await asyncio.create_subprocess_exec(*command, env=env, stdout=asyncio.subprocess.PIPE)
    assert child.stdout
    assert await child.stdout.readline() == b"keys wrapped anew: 500\n"
    child.send_signal(signal.SIGKILL)
    await child.wait()
    left = [row[0] for row in await run(fresh, "SELECT count(*) FROM person_keys WHERE wrapped_by = 1")]
    assert 0 < left[0] <= 2500
    child = await asyncio.create_subprocess_exec(*command, env=env, stdout=asyncio.subprocess.PIPE)
    told, _ = await child.communicate()
    assert (child.returncode, told.splitlines()[-1]) == (0, b"left in clear or under an old key: nothing")
    assert await run(fresh, "SELECT FROM person_keys WHERE wrapped_by = 1") == []


async def test_what_was_in_clear_before_there_were_keys_is_sealed(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=1000, phone=PHONE), await fresh.person("bob")
    stranger, key = new_email(), new_key()
    body = {"recipient": {"email": stranger}, "amount": 100, "note": "lunch"}
    first = await alice.post("/transfers", body, key=key)
    for kind, value in (("email", alice.email), ("phone", PHONE)):
        change = "UPDATE identifiers SET value = $1, sealed = NULL WHERE user_id = $2 AND kind = $3"
        await run(fresh, change, value, _id(alice), kind)
    await run(fresh, "UPDATE transfers SET contact = $1, contact_sealed = NULL WHERE contact IS NOT NULL", stranger)
    change = "UPDATE funding_sources SET sealed = NULL, token = 'sandbox_bank_ok', label = 'Bank', last4 = '1234'"
    await run(fresh, change)
    await run(fresh, "UPDATE idempotency_keys SET body = $1 WHERE key = $2", first.content, key)
    await run(fresh, "DELETE FROM person_keys WHERE user_id = $1", _id(alice))
    secrets = (alice.email, PHONE, stranger, "sandbox_bank_ok")
    assert {secret for _, secret in await holding(fresh, *secrets)} == set(secrets)

    lines: list[str] = []
    assert (await privacy.seal_clear(fresh.app, lines.append)).nothing
    assert lines == [
        "contacts sealed: 2",
        "payees sealed: 1",
        "funding sources sealed: 1",
        "answers sealed: 1",
    ]
    assert await holding(fresh, *secrets) == set()
    assert (await alice.get("/me")).json()["phone"] == PHONE
    assert (await alice.get("/wallet/funding-sources")).json()["data"][0]["last4"] == "1234"
    assert (await alice.post("/transfers", body, key=key)).content == first.content
    assert (await bob.get("/me")).json()["email"] == bob.email
    lines.clear()
    await privacy.seal_clear(fresh.app, lines.append)
    assert lines == []


async def test_who_is_erased_cannot_be_read_paid_or_signed_in_and_the_ledger_is_proved(fresh: World) -> None:
    alice = await fresh.person("alice", money=1000, phone=PHONE, display_name="Alice Ant")
    bob = await fresh.person("bob")
    await alice.verify()
    await alice.befriend(bob)
    await alice.pay(bob, 1000)
    await fresh.drain()
    await fresh.app.database.transact(privacy.erase, fresh.app, alice.username)
    await fresh.drain()

    assert await holding(fresh, alice.email, PHONE, alice.username, "Alice Ant", "sandbox_bank_ok") == set()
    assert await run(fresh, "SELECT FROM person_keys WHERE user_id = $1", _id(alice)) == []
    body = {"identifier": alice.username, "password": PASSWORD}
    assert (await fresh.client.post("/v1/auth/token", json=body)).status_code == 401
    refreshed = await fresh.client.post("/v1/auth/refresh", json={"refresh_token": alice.tokens["refresh_token"]})
    assert refreshed.status_code == 401
    assert (await bob.pay(alice, 1)).json()["code"] == "recipient_not_found"
    [seen] = (await bob.get("/transfers")).json()["data"]
    assert seen["sender"]["display_name"] == "Erased"
    assert (await bob.get("/friends")).json()["data"] == []
    assert (await bob.get("/users", query=alice.username)).json()["data"] == []
    assert (await proof.verify(fresh.app)).passed
    assert await audit.findings(fresh) == []

    again = await fresh.person("alice", username=alice.username, phone=PHONE)
    assert (await again.get("/me")).json()["email"] == alice.email


async def test_what_friends_had_ready_of_who_is_erased_is_made_anew(fresh: World) -> None:
    alice = await fresh.person("alice", money=100)
    bob, carol = await fresh.person("bob"), await fresh.person("carol")
    await alice.befriend(carol)
    await alice.pay(bob, 100)
    await fresh.drain()
    assert len((await carol.get("/feed")).json()["data"]) == 1
    await fresh.app.database.transact(privacy.erase, fresh.app, alice.username)
    await fresh.drain()
    warm = (await carol.get("/feed")).json()["data"]
    await fresh.app.redis.client.flushall()
    assert warm == (await carol.get("/feed")).json()["data"] == []


async def test_who_is_erased_is_staff_no_more(fresh: World) -> None:
    alice, bob = await fresh.person("alice"), await fresh.person("bob")
    for person in (alice, bob):
        await fresh.app.database.transact(staffing.grant, fresh.app, person.username, Role.ADMIN)
    assert (await alice.get("/admin/audit")).status_code == 200
    await fresh.app.database.transact(privacy.erase, fresh.app, alice.username)
    assert [row["user_id"] for row in await run(fresh, "SELECT user_id FROM staff_roles")] == [_id(bob)]


async def test_nobody_is_erased_while_anything_stands_open(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=1000), await fresh.person("bob")
    await pay_contact(alice, new_email(), 400)
    await bob.post("/requests", {"payer": {"user_id": alice.id}, "amount": 5, "note": "x"}, key=new_key())
    with pytest.raises(CannotErase) as refused:
        await fresh.app.database.transact(privacy.erase, fresh.app, alice.username)
    for reason in ("the balance is 1000 cents", "1 hold pending", "1 payment pending", "1 request pending"):
        assert reason in refused.value.detail
    with pytest.raises(UserNotFound):
        await fresh.app.database.transact(privacy.erase, fresh.app, "nobody_at_all")
    assert (await alice.get("/me")).json()["email"] == alice.email


async def test_nobody_is_erased_while_data_is_in_clear(fresh: World) -> None:
    alice = await fresh.person("alice")
    await run(fresh, "UPDATE identifiers SET sealed = NULL WHERE kind = 'email'")
    with pytest.raises(CannotErase, match="re-encrypt"):
        await fresh.app.database.transact(privacy.erase, fresh.app, alice.username)
