"""Keys in memory: made once, rotated while processes run, kept while the key service is away."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from tests.conftest import TestClock, World
from tests.crypto.stand_ins import SwitchedKms, keyring
from venmo_api.adapters.keys import KeyAway, KeyStands, WrappedKey
from venmo_api.adapters.kms import KmsAway
from venmo_api.crypto.envelope import BadSeal
from venmo_api.crypto.keyring import ANNOUNCED_FOR


async def test_processes_that_start_at_once_have_the_same_keys(fresh: World) -> None:
    several = [keyring(fresh, SwitchedKms(), fresh.wall_clock) for _ in range(5)]
    await asyncio.gather(*(one.refresh() for one in several))
    assert len({one.index("email", "a@b.example") for one in several}) == 1
    key = several[0].new_person(owner := uuid4())
    sealed = several[0].person(owner, key).seal("t", "c", 1, "alice")
    assert several[4].person(owner, key).unseal("t", "c", 1, sealed) == "alice"


async def test_a_new_key_is_known_everywhere_before_it_counts(fresh: World) -> None:
    clock = TestClock()
    one, other = (keyring(fresh, SwitchedKms(), clock) for _ in range(2))
    await one.refresh()
    await other.refresh()
    assert await one.rotate("wrapping") == 2
    owner = uuid4()
    assert one.new_person(owner).wrapped_by == 1
    await other.refresh()
    clock.advance(ANNOUNCED_FOR + timedelta(seconds=1))
    key = one.new_person(owner)
    assert key.wrapped_by == 2
    other.person(owner, key)


async def test_a_rotated_index_still_finds_what_is_under_the_one_before(fresh: World) -> None:
    clock = TestClock()
    keys = keyring(fresh, SwitchedKms(), clock)
    await keys.refresh()
    before = keys.index("phone", "+14155550123")
    await keys.rotate("index")
    clock.advance(ANNOUNCED_FOR + timedelta(seconds=1))
    now = keys.index("phone", "+14155550123")
    assert now != before
    assert set(keys.indexes("phone", "+14155550123")) == {before, now}


async def test_a_persons_key_stays_the_same_when_it_is_wrapped_anew(fresh: World) -> None:
    clock = TestClock()
    keys = keyring(fresh, SwitchedKms(), clock)
    await keys.refresh()
    key = keys.new_person(owner := uuid4())
    sealed = keys.person(owner, key).seal("t", "c", 1, "alice")
    await keys.rotate("wrapping")
    clock.advance(ANNOUNCED_FOR + timedelta(seconds=1))
    anew = keys.rewrapped(owner, key)
    assert (anew.wrapped_by, anew.wrapped != key.wrapped) == (2, True)
    assert keys.person(owner, anew).unseal("t", "c", 1, sealed) == "alice"


async def test_the_key_of_somebody_else_does_not_open(fresh: World) -> None:
    key = fresh.app.keys.new_person(uuid4())
    with pytest.raises(BadSeal):
        fresh.app.keys.person(uuid4(), key)


async def test_no_nonce_is_used_twice(fresh: World) -> None:
    owner = uuid4()
    person = fresh.app.keys.person(owner, fresh.app.keys.new_person(owner))
    sealed = [person.seal("t", "c", 1, "the same") for _ in range(20_000)]
    assert len({one[5:17] for one in sealed}) == len(sealed)


async def test_keys_in_memory_serve_while_the_key_service_is_away(fresh: World) -> None:
    kms = SwitchedKms()
    keys = keyring(fresh, kms, TestClock())
    await keys.refresh()
    kms.away, asked = True, kms.asked
    await keys.refresh()  # nothing is new: nobody is asked
    owner = uuid4()
    person = keys.person(owner, keys.new_person(owner))
    assert person.unseal("t", "c", 1, person.seal("t", "c", 1, "alice")) == "alice"
    assert kms.asked == asked


async def test_a_process_without_keys_refuses_instead_of_writing_in_clear(fresh: World) -> None:
    kms = SwitchedKms()
    kms.away = True
    keys = keyring(fresh, kms, TestClock())
    with pytest.raises(KmsAway):
        await keys.refresh()
    for refused in (
        lambda: keys.index("email", "a@b.example"),
        lambda: keys.indexes("email", "a@b.example"),
        lambda: keys.new_person(uuid4()),
        lambda: keys.person(uuid4(), WrappedKey(1, b"")),
        lambda: keys.veil(uuid4()),
        lambda: keys.unveil(uuid4()),
    ):
        with pytest.raises(KeyAway):
            refused()


async def test_a_key_that_cannot_be_had_yet_does_not_stop_the_others(fresh: World) -> None:
    clock, kms = TestClock(), SwitchedKms()
    keys = keyring(fresh, kms, clock)
    await keys.refresh()
    kms.away = True
    await keyring(fresh, SwitchedKms(), clock).rotate("wrapping")
    clock.advance(ANNOUNCED_FOR + timedelta(seconds=1))
    with pytest.raises(KmsAway):
        await keys.refresh()
    assert keys.new_person(uuid4()).wrapped_by == 1


async def test_an_id_looks_the_same_in_every_process_and_after_a_rotation(fresh: World) -> None:
    clock, story = TestClock(), uuid4()
    one, other = (keyring(fresh, SwitchedKms(), clock) for _ in range(2))
    await one.refresh()
    await other.refresh()
    veiled = one.veil(story)
    assert veiled != story
    assert other.unveil(veiled) == story
    await one.rotate("wrapping")
    await one.rotate("index")
    clock.advance(ANNOUNCED_FOR + timedelta(seconds=1))
    assert one.veil(story) == veiled


async def test_the_standing_key_is_never_rotated(fresh: World) -> None:
    with pytest.raises(KeyStands, match="never rotated"):
        await fresh.app.keys.rotate("standing")
    assert [number for purpose, number in fresh.app.keys.announced() if purpose == "standing"] == [1]


async def test_ids_are_veiled_while_the_key_service_is_away(fresh: World) -> None:
    kms = SwitchedKms()
    keys = keyring(fresh, kms, TestClock())
    await keys.refresh()
    kms.away, asked = True, kms.asked
    assert keys.unveil(keys.veil(story := uuid4())) == story
    assert kms.asked == asked
