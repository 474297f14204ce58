"""Reset of a password: nobody learns who has an account, and whoever was signed in is so no longer."""

import asyncio
from datetime import timedelta
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text

from tests.auth.steps import (
    NEW,
    ask_reset,
    code,
    confirm,
    new_email,
    new_phone,
    other,
    own_id,
    refresh,
    reset_code,
    sent,
    sign_in,
    told,
)
from tests.conftest import PASSWORD, Person, World, new_name
from venmo_api.adapters.postgres import Transaction
from venmo_api.auth import handlers, jobs, passwords, queries
from venmo_api.core.events import PasswordResetAsked
from venmo_api.outbox import service as outbox


def bare(answer: httpx2.Response) -> bytes:
    """The body without the id of the request."""
    return answer.content.replace(answer.headers["x-request-id"].encode(), b"")


def names(answer: httpx2.Response) -> list[str]:
    return sorted(name for name in answer.headers if not name.startswith("ratelimit"))


async def proved(world: World, **fields: str) -> Person:
    """Somebody who has verified their mail address."""
    alice = await world.person("alice", **fields)
    await alice.verify()
    return alice


async def test_a_code_resets_the_password_and_ends_all_there_was(world: World) -> None:
    alice = await proved(world)
    elsewhere = (await sign_in(world, alice.username)).json()
    digits = await reset_code(world, alice, alice.username, alice.email)
    assert (await confirm(world, alice.username, digits)).status_code == 204
    assert told(await sign_in(world, alice.username)) == (401, "invalid_credentials")
    for tokens in (alice.tokens, elsewhere):
        assert (await refresh(world, tokens)).status_code == 401
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert (await world.client.get("/v1/me", headers=headers)).status_code == 401
    again = await sign_in(world, alice.username, NEW, device_token=alice.tokens["device_token"])
    assert again.status_code == 200
    assert again.json()["device_token"] not in (None, alice.tokens["device_token"])
    await world.drain()
    assert any("password was reset" in message for message in await sent(world, alice, alice.email))


async def test_a_reset_does_not_sign_in(world: World) -> None:
    alice = await proved(world)
    answer = await confirm(world, alice.username, await reset_code(world, alice, alice.username, alice.email))
    assert (answer.status_code, answer.content) == (204, b"")


async def test_the_code_goes_where_it_was_asked_to_if_that_is_proved(world: World) -> None:
    phone = new_phone()
    alice = await proved(world, phone=phone)
    await world.drain()
    await ask_reset(world, phone)
    await world.drain()
    assert len(await sent(world, alice, phone)) == 1  # to verify it, since sign-up
    before = len(await sent(world, alice, alice.email))
    await alice.verify("phone")
    await ask_reset(world, phone)
    await world.drain()
    assert len(await sent(world, alice, alice.email)) == before
    assert (await confirm(world, phone, await code(world, alice, phone))).status_code == 204


async def test_known_unknown_unproved_and_throttled_are_answered_alike(world: World) -> None:
    alice, bob = await proved(world), await world.person("bob")
    asked = [alice.username, alice.email, alice.email, new_name(), new_email(), new_phone(), bob.username, bob.email]
    answers = [await ask_reset(world, name) for name in asked]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert all(names(answer) == names(answers[0]) for answer in answers)
    await world.drain()
    assert len([one for one in await sent(world, alice, alice.email) if "your code" in one]) == 2  # one proved it


async def test_refusals_tell_nothing_of_the_account(world: World) -> None:
    alice, bob = await proved(world), await world.person("bob")
    right = await reset_code(world, alice, alice.username, alice.email)
    answers = [
        await confirm(world, alice.username, other(right)),
        await confirm(world, new_name(), right),
        await confirm(world, new_email(), right),
        await confirm(world, bob.username, right),
        await confirm(world, bob.email, right),
    ]
    assert {told(answer) for answer in answers} == {(403, "reset_refused")}
    assert len({bare(answer) for answer in answers}) == 1
    assert (await confirm(world, alice.email, right)).status_code == 204


async def test_asking_does_the_same_for_unknown_names(world: World) -> None:
    alice = await proved(world)
    await world.drain()
    queued = []
    for name in (alice.username, new_name(), new_email(), "+1 not a number"):
        before = (await world.app.database.read(outbox.backlog)).waiting
        assert (await ask_reset(world, name)).status_code == 202
        queued.append((await world.app.database.read(outbox.backlog)).waiting - before)
    assert queued == [1, 1, 1, 1]
    nobody = PasswordResetAsked(world.app.new_id(), "username", world.clock.now())
    await handlers.send_reset_codes(world.app, [nobody])


async def test_five_wrong_guesses_use_a_code_up(world: World) -> None:
    alice = await proved(world)
    digits = await reset_code(world, alice, alice.username, alice.email)
    for by in range(1, 6):
        assert told(await confirm(world, alice.username, other(digits, by))) == (403, "reset_refused")
    assert told(await confirm(world, alice.username, digits)) == (403, "reset_refused")
    world.clock.advance(timedelta(minutes=1))
    fresh = await reset_code(world, alice, alice.username, alice.email)
    assert (await confirm(world, alice.username, fresh)).status_code == 204


async def test_parallel_guesses_are_bound_like_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, judged = await proved(world), []
    digits = await reset_code(world, alice, alice.username, alice.email)
    count = queries.count_wrong

    async def counted(*args: object) -> None:
        judged.append(args)
        await count(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(queries, "count_wrong", counted)
    await asyncio.gather(*(confirm(world, alice.username, other(digits, by)) for by in range(1, 30)))
    assert len(judged) == 5
    assert (await confirm(world, alice.username, digits)).status_code in (403, 429)


async def test_guesses_of_a_day_are_bounded(world: World) -> None:
    alice = await proved(world)
    before, codes = len(await sent(world, alice, alice.email)), 0
    for _ in range(48):
        await ask_reset(world, alice.username)
        await world.drain()
        world.clock.advance(timedelta(minutes=30))
        codes = len(await sent(world, alice, alice.email)) - before
    assert codes <= 5 + 24


async def test_a_code_runs_out_and_is_used_once(world: World) -> None:
    alice = await proved(world)
    digits = await reset_code(world, alice, alice.username, alice.email)
    world.clock.advance(timedelta(minutes=10, seconds=1))
    assert told(await confirm(world, alice.username, digits)) == (403, "reset_refused")
    digits = await reset_code(world, alice, alice.username, alice.email)
    assert (await confirm(world, alice.username, digits)).status_code == 204
    assert told(await confirm(world, alice.username, digits)) == (403, "reset_refused")


async def test_of_parallel_resets_by_one_code_one_counts(world: World) -> None:
    alice = await proved(world)
    digits = await reset_code(world, alice, alice.username, alice.email)
    answers = await asyncio.gather(
        *(confirm(world, alice.username, digits, f"horse number {number}") for number in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [204] + [403] * 5


async def test_a_code_of_one_person_or_purpose_resets_nobody_else(world: World) -> None:
    alice, bob = await proved(world), await proved(world)
    digits = await reset_code(world, alice, alice.username, alice.email)
    await ask_reset(world, bob.username)
    await world.drain()
    if digits != await code(world, bob, bob.email):
        assert told(await confirm(world, bob.username, digits)) == (403, "reset_refused")
    carol = await world.person("carol")
    assert told(await confirm(world, carol.username, await carol.code())) == (403, "reset_refused")


@pytest.mark.parametrize(("password", "why"), [("password1", "password_too_common"), ("{name}!", "password_names_you")])
async def test_a_poor_password_is_refused_and_the_code_still_counts(world: World, password: str, why: str) -> None:
    alice = await proved(world)
    digits = await reset_code(world, alice, alice.email, alice.email)
    refused = await confirm(world, alice.email, digits, password.format(name=alice.username))
    assert told(refused) == (422, why)
    assert (await confirm(world, alice.email, digits)).status_code == 204


async def test_a_reset_and_a_change_at_once_leave_the_reset(world: World) -> None:
    alice = await proved(world)
    digits = await reset_code(world, alice, alice.username, alice.email)
    body = {"current_password": PASSWORD, "new_password": "changed by the thief"}
    change, reset = await asyncio.gather(alice.post("/me/password", body), confirm(world, alice.username, digits))
    assert reset.status_code == 204
    assert change.status_code in (204, 403)
    assert (await sign_in(world, alice.username, NEW)).status_code == 200
    assert (await refresh(world, alice.tokens)).status_code == 401


async def test_who_signs_in_while_the_password_is_reset_is_not_signed_in(world: World) -> None:
    for _ in range(5):
        alice = await proved(world)
        digits = await reset_code(world, alice, alice.username, alice.email)
        thief, reset = await asyncio.gather(sign_in(world, alice.username), confirm(world, alice.username, digits))
        assert reset.status_code == 204
        if thief.status_code == 200:
            assert (await refresh(world, thief.json())).status_code == 401


async def test_a_planted_defect_is_seen_that_leaves_sessions_alive(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object) -> list[UUID]:
        return []

    monkeypatch.setattr(passwords, "end_all", nothing)
    alice = await proved(world)
    digits = await reset_code(world, alice, alice.username, alice.email)
    assert (await confirm(world, alice.username, digits)).status_code == 204
    assert (await refresh(world, alice.tokens)).status_code == 200


async def test_a_planted_defect_is_seen_that_counts_no_guesses(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> None: ...

    monkeypatch.setattr(queries, "count_wrong", nothing)
    alice = await proved(world)
    digits = await reset_code(world, alice, alice.username, alice.email)
    for by in range(1, 7):
        assert told(await confirm(world, alice.username, other(digits, by))) == (403, "reset_refused")
    assert (await confirm(world, alice.username, digits)).status_code == 204


async def test_codes_are_forgotten_after_a_day(world: World) -> None:
    alice, bob = await proved(world), await world.person("bob")
    await reset_code(world, alice, alice.username, alice.email)
    await bob.code()
    assert (len(await kept_codes(world, alice)), len(await kept_codes(world, bob))) == (1, 1)
    world.clock.advance(timedelta(hours=24, seconds=1))
    assert await jobs.forget_old_codes(world.app) >= 2
    assert (await kept_codes(world, alice), await kept_codes(world, bob)) == ([], [])


async def kept_codes(world: World, person: Person) -> list[bytes]:
    async def read(tx: Transaction) -> list[bytes]:
        asked = text("SELECT code_hash FROM contact_codes WHERE user_id = :id")
        return list((await tx.execute(asked, {"id": own_id(person)})).scalars())

    return await world.app.database.read(read)
