"""Verified contacts: a code goes out, comes back once, and is guessed five times at most."""

import asyncio
import dataclasses
import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from tests.conftest import Person, World, new_name, world_over
from venmo_api.adapters.messages import Channel
from venmo_api.adapters.postgres import Transaction
from venmo_api.auth import contacts, handlers, queries
from venmo_api.core import ids
from venmo_api.core.errors import Unavailable
from venmo_api.core.events import UserSignedUp
from venmo_api.settings import Settings

_phones = itertools.count(3_000_000)


def new_phone() -> str:
    return f"+1415{next(_phones)}"


def own_id(person: Person) -> UUID:
    found = ids.decode(ids.USER, person.id)
    assert found is not None
    return found


async def ask(person: Person, kind: str = "email") -> httpx2.Response:
    return await person.post(f"/me/contacts/{kind}/code")


async def give(person: Person, code: object, kind: str = "email") -> httpx2.Response:
    return await person.post(f"/me/contacts/{kind}/verify", {"code": code})


async def inbox(person: Person, kind: str = "email") -> list[str]:
    messages = (await person.get("/sandbox/inbox")).json()["data"]
    return [message["text"] for message in messages if message["channel"] == kind]


def other(code: str, by: int = 1) -> str:
    """A code that is not this one."""
    return f"{(int(code) + by) % 10**6:06d}"


async def rows(world: World, person: Person, statement: str) -> list[Any]:
    async def read(tx: Transaction) -> list[Any]:
        return list((await tx.execute(text(statement), {"id": str(own_id(person))})).scalars())

    return await world.app.database.read(read)


async def verifications(world: World, person: Person) -> list[Any]:
    asked = "SELECT payload ->> 'kind' FROM events WHERE topic = 'ContactVerified' AND payload ->> 'user_id' = :id"
    return sorted(await rows(world, person, asked))


async def test_a_code_for_each_contact_comes_after_sign_up_and_verifies_it(fresh: World) -> None:
    alice = await fresh.person("alice", phone=new_phone())
    assert await inbox(alice) == []
    await fresh.drain()
    me = (await alice.get("/me")).json()
    assert (me["email_verified"], me["phone_verified"]) == (False, False)
    for kind in ("email", "phone"):
        (message,) = await inbox(alice, kind)
        answer = await give(alice, message[:6], kind)
        assert answer.status_code == 200, answer.text
        me |= {f"{kind}_verified": True}
        assert answer.json() == me == (await alice.get("/me")).json()
    assert await verifications(fresh, alice) == ["email", "phone"]
    assert await rows(fresh, alice, "SELECT kind FROM contact_codes WHERE user_id = CAST(:id AS uuid)") == []


async def test_a_sign_up_that_is_delivered_twice_sends_no_second_code(world: World) -> None:
    alice = await world.person("alice")
    for _ in range(3):
        await handlers.welcome(world.app, [UserSignedUp(own_id(alice), world.clock.now())])
    assert len(await inbox(alice)) == 1


async def test_a_code_is_sent_when_asked_for_once_a_minute(world: World) -> None:
    alice = await world.person("alice")
    sent = await ask(alice)
    assert sent.status_code == 202
    assert set(sent.json()) == {"kind", "expires_at"}
    (first,) = await inbox(alice)
    world.clock.advance(timedelta(seconds=50))
    refused = await ask(alice)
    assert (refused.status_code, refused.json()["code"]) == (429, "code_sent_recently")
    assert 1 <= int(refused.headers["retry-after"]) <= 10
    world.clock.advance(timedelta(seconds=int(refused.headers["retry-after"])))
    assert (await ask(alice)).status_code == 202
    second = (await inbox(alice))[0]
    if first[:6] != second[:6]:
        assert (await give(alice, first[:6])).json()["code"] == "code_wrong"
    assert (await give(alice, second[:6])).status_code == 200


async def test_after_five_codes_another_comes_by_the_hour(world: World) -> None:
    alice = await world.person("alice")
    await world.drain()  # the first code
    for _ in range(4):
        world.clock.advance(timedelta(minutes=1))
        assert (await ask(alice)).status_code == 202
    world.clock.advance(timedelta(minutes=59))
    refused = await ask(alice)
    assert (refused.status_code, refused.json()["code"]) == (429, "code_sent_recently")
    world.clock.advance(timedelta(minutes=1))
    assert (await ask(alice)).status_code == 202


async def test_of_parallel_asks_one_is_answered_by_a_code(world: World) -> None:
    alice = await world.person("alice")
    answers = await asyncio.gather(*(ask(alice) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [202] + [429] * 19
    assert len(await inbox(alice)) == 1


@pytest.mark.parametrize("kind", ["phone", "pager", "username", "EMAIL"])
async def test_a_contact_one_does_not_have_is_not_found(world: World, kind: str) -> None:
    alice = await world.person("alice")
    for answer in (await ask(alice, kind), await give(alice, "123456", kind)):
        assert (answer.status_code, answer.json()["code"]) == (404, "contact_not_found")


async def test_what_is_verified_is_verified_once(world: World) -> None:
    alice = await world.person("alice")
    code = await alice.code()
    assert (await give(alice, code)).status_code == 200
    world.clock.advance(timedelta(minutes=2))
    for answer in (await give(alice, code), await ask(alice)):
        assert (answer.status_code, answer.json()["code"]) == (409, "contact_verified_already")
    assert await verifications(world, alice) == ["email"]


async def test_wrong_guesses_are_counted_and_the_fifth_uses_the_code_up(world: World) -> None:
    alice = await world.person("alice")
    code = await alice.code()
    for left in (4, 3, 2, 1, 0):
        answer = await give(alice, other(code, 1 + left))
        assert (answer.status_code, answer.json()["code"]) == (403, "code_wrong")
        assert answer.json()["attempts_left"] == left
    for guess in (code, other(code)):
        answer = await give(alice, guess)
        assert (answer.status_code, answer.json()["code"]) == (403, "code_used_up")
    assert (await alice.get("/me")).json()["email_verified"] is False
    world.clock.advance(timedelta(minutes=1))
    assert (await give(alice, await alice.code())).status_code == 200


async def test_parallel_guesses_are_bound_like_others(world: World) -> None:
    alice = await world.person("alice")
    code = await alice.code()
    answers = await asyncio.gather(*(give(alice, other(code, 1 + number)) for number in range(30)))
    told = [answer.json() for answer in answers]
    assert {answer.status_code for answer in answers} == {403}
    assert sorted(one["attempts_left"] for one in told if one["code"] == "code_wrong") == [0, 1, 2, 3, 4]
    assert sum(one["code"] == "code_used_up" for one in told) == 25
    assert (await give(alice, code)).json()["code"] == "code_used_up"


async def test_of_twenty_parallel_verifications_one_has_an_effect(world: World) -> None:
    alice = await world.person("alice")
    code = await alice.code()
    answers = await asyncio.gather(*(give(alice, code) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19
    assert await verifications(world, alice) == ["email"]


@pytest.mark.parametrize(("seconds", "status"), [(590, 200), (601, 403)])
async def test_a_code_counts_for_ten_minutes(world: World, seconds: int, status: int) -> None:
    alice = await world.person("alice")
    code = await alice.code()
    world.clock.advance(timedelta(seconds=seconds))
    answer = await give(alice, code)
    assert answer.status_code == status
    assert status == 200 or answer.json()["code"] == "code_expired"


async def test_without_a_code_there_is_nothing_to_guess(world: World) -> None:
    alice = await world.person("alice")
    answer = await give(alice, "123456")
    assert (answer.status_code, answer.json()["code"]) == (403, "code_expired")


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a", "１２３４５６", " 12345", "12345\n", 123456, None])
async def test_what_cannot_be_a_code_costs_no_attempt(world: World, code: object) -> None:
    alice = await world.person("alice")
    await alice.code()
    answer = await give(alice, code)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/code")
    assert await rows(world, alice, "SELECT wrong FROM contact_codes WHERE user_id = CAST(:id AS uuid)") == [0]


async def test_a_code_is_good_for_its_person_and_contact_only(world: World) -> None:
    alice, bob = await world.person("alice", phone=new_phone()), await world.person("bob")
    code, others, phones = await alice.code(), await bob.code(), await alice.code("phone")
    if len({code, others, phones}) == 3:
        for guess in (others, phones):
            assert (await give(alice, guess)).json()["code"] == "code_wrong"
    kept = await rows(world, alice, "SELECT code_hash FROM contact_codes WHERE user_id = CAST(:id AS uuid)")
    assert len(set(kept)) == 2
    assert code.encode() not in b"".join(kept)


async def test_it_is_for_those_who_signed_in(world: World) -> None:
    for path, body in (("code", None), ("verify", {"code": "123456"})):
        assert (await world.client.post(f"/v1/me/contacts/email/{path}", json=body)).status_code == 401


async def test_neither_logs_nor_answers_tell_a_code_or_a_contact(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    phone = new_phone()
    with capture_logs() as lines:
        alice = await world.person(new_name("alice"), phone=phone)
        await world.drain()
        answers = [await ask(alice), await ask(alice, "phone")]
        codes = [await alice.code(), await alice.code("phone")]
        answers += [await give(alice, other(code)) for code in codes]
        answers += [await give(alice, codes[0]), await give(alice, codes[1], "phone")]
    logged = str(lines) + caplog.text
    assert "request" in logged
    assert not [secret for secret in (*codes, alice.email, phone) if secret in logged]
    assert not [answer.text for answer in answers[:-2] for code in codes if code in answer.text]


class Away:
    """A messenger that cannot be reached, or that hangs."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.hangs = hangs
        self.asked = 0

    async def send(self, user_id: UUID, channel: Channel, address: str, text: str) -> None:
        self.asked += 1
        if self.hangs:
            await asyncio.sleep(60)
        raise Unavailable("The message could not be sent.")

    def takes_word(self, address: str) -> bool:
        return False


class Guessed(Away):
    """Cannot be reached either; and while it tries, somebody guesses."""

    def __init__(self) -> None:
        super().__init__()
        self.guess: Callable[[], Awaitable[None]] | None = None

    async def send(self, user_id: UUID, channel: Channel, address: str, text: str) -> None:
        if self.guess:
            await self.guess()
        await super().send(user_id, channel, address, text)


@pytest.fixture
async def cut_off(settings: Settings) -> AsyncIterator[World]:
    """Messages cannot be sent."""
    async with world_over(settings, messenger=Away()) as made:
        yield made


async def test_whom_no_code_could_be_sent_may_ask_again_at_once(cut_off: World) -> None:
    alice = await cut_off.person("alice")
    for _ in range(2):
        answer = await ask(alice)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert "retry-after" in answer.headers
    assert (await give(alice, "123456")).json()["code"] == "code_expired"


async def test_codes_that_could_not_be_sent_count_like_others(cut_off: World) -> None:
    alice = await cut_off.person("alice")
    await cut_off.drain()  # the first code
    for _ in range(4):
        assert (await ask(alice)).status_code == 503
    for minutes in (0, 49):
        cut_off.clock.advance(timedelta(minutes=minutes))
        refused = await ask(alice)
        assert (refused.status_code, refused.json()["code"]) == (429, "code_sent_recently")
    cut_off.clock.advance(timedelta(minutes=1))
    assert (await ask(alice)).status_code == 503


async def test_guesses_are_bounded_when_no_code_can_be_sent(settings: Settings) -> None:
    messenger, judged = Guessed(), list[str]()
    async with world_over(settings, messenger=messenger) as world:
        mallory = await world.person("mallory")

        async def guess() -> None:
            judged.extend([(await give(mallory, f"{number:06d}")).json()["code"] for number in range(6)])

        messenger.guess = guess
        answers = [await ask(mallory) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [503] + [429] * 5
        assert judged == ["code_wrong"] * 5 + ["code_used_up"]
        world.clock.advance(timedelta(minutes=1))
        assert (await ask(mallory)).status_code == 503


async def test_a_planted_defect_is_seen_that_forgets_what_could_not_be_sent(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forget(tx: Transaction, user_id: UUID, kind: str, code_hash: bytes, **_: object) -> None:
        await queries.forget_codes(tx, [user_id], kind)

    monkeypatch.setattr(queries, "use_up_code", forget)
    messenger, judged = Guessed(), list[str]()
    async with world_over(settings, messenger=messenger) as world:
        mallory = await world.person("mallory")

        async def guess() -> None:
            judged.extend([(await give(mallory, f"{number:06d}")).json()["code"] for number in range(5)])

        messenger.guess = guess
        assert [(await ask(mallory)).status_code for _ in range(6)] == [503] * 6
        assert judged == ["code_wrong"] * 30


async def test_a_code_that_was_guessed_at_and_not_sent_is_used_up(settings: Settings) -> None:
    messenger = Guessed()
    async with world_over(settings, messenger=messenger) as world:
        mallory = await world.person("mallory")

        async def guess() -> None:
            assert (await give(mallory, "123456")).json()["code"] == "code_wrong"

        messenger.guess = guess
        assert (await ask(mallory)).status_code == 503
        assert (await give(mallory, "123457")).json()["code"] == "code_used_up"


@pytest.mark.parametrize("hangs", [False, True])
async def test_sign_up_and_all_other_events_do_without_the_messenger(
    fresh: World, monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    monkeypatch.setattr(contacts, "SENDING_SECONDS", 0.2)
    messenger = Away(hangs=hangs)
    lone = dataclasses.replace(fresh, app=dataclasses.replace(fresh.app, messenger=messenger))
    people = [await fresh.person("alice", phone=new_phone()) for _ in range(4)]
    async with asyncio.timeout(10):
        assert await lone.drain() == 4
    assert messenger.asked > 0
    assert await fresh.drain() == 0
    fresh.clock.advance(timedelta(minutes=1))
    await people[0].verify("phone")
