"""Password hashes: Argon2id as OWASP asks, never on the event loop."""

import asyncio
import threading
import time

import pytest

from venmo_api.adapters import passwords as module
from venmo_api.adapters.passwords import Passwords
from venmo_api.core.errors import Unavailable


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords()


async def test_hashes_are_argon2id_at_least_as_strong_as_owasp_asks(passwords: Passwords) -> None:
    first, second = await passwords.hash("secret words"), await passwords.hash("secret words")
    assert first != second, "each has its own salt"
    _, name, version, parameters, salt, digest = first.split("$")
    cost = dict(part.split("=") for part in parameters.split(","))
    assert (name, version) == ("argon2id", "v=19")
    assert int(cost["m"]) >= 19_456
    assert int(cost["t"]) >= 2
    assert int(cost["p"]) >= 1
    assert len(salt) >= 22
    assert len(digest) >= 42


async def test_a_password_fits_its_hash_and_no_other_does(passwords: Passwords) -> None:
    stored = await passwords.hash("pässwörd 🐴")
    assert await passwords.verify("pässwörd 🐴", stored)
    for other in ("passwörd 🐴", "pässwörd 🐴 ", "", "\u0000"):
        assert not await passwords.verify(other, stored)


@pytest.mark.parametrize("stored", ["", "plain", "$argon2id$", "$argon2id$v=19$m=1,t=1,p=1$x$y", "$2b$12$abc", None])
async def test_a_hash_that_is_none_fits_nothing(passwords: Passwords, stored: str | None) -> None:
    assert not await passwords.verify("plain", stored)
    assert not await passwords.verify("no account has this password", stored)


async def test_hashing_leaves_the_event_loop_free(passwords: Passwords) -> None:
    longest = 0.0
    stop = False

    async def beat() -> None:
        nonlocal longest
        while not stop:
            before = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)

    beating = asyncio.create_task(beat())
    hashes = await asyncio.gather(*(passwords.hash(str(number)) for number in range(6)))
    assert all(await asyncio.gather(*(passwords.verify(str(n), stored) for n, stored in enumerate(hashes))))
    stop = True
    await beating
    one = time.thread_time()
    module._HASHER.hash("x")
    assert longest < (time.thread_time() - one) / 2, "the loop's own thread did no hashing"
    assert threading.current_thread() is threading.main_thread()


async def test_who_finds_too_many_waiting_is_told_so_and_the_rest_are_served() -> None:
    few = Passwords(waiting_most=3)
    hashes = await asyncio.gather(*(few.hash("x") for _ in range(12)), return_exceptions=True)
    refused = [one for one in hashes if isinstance(one, Unavailable)]
    assert len(refused) == 7, "two are served, three wait"
    assert all(one.retry_after_seconds for one in refused)
    assert await few.verify("x", await few.hash("x"))
