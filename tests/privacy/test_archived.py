"""What somebody wrote is under their key in the archive: erasing them leaves nothing of it anywhere, and all proofs."""

from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy.exc import DBAPIError

from tests.conftest import Person, World, new_key
from tests.privacy.dump import holding, run
from tests.statements.test_router import adds_up, uuid
from venmo_api.adapters.postgres import Contended
from venmo_api.archive import notes, proof, service
from venmo_api.core.events import EVENTS
from venmo_api.privacy import queries
from venmo_api.privacy import service as privacy
from venmo_api.privacy.rules import CannotErase

HERS = ("a secret of alice", "alice asks for this", "hot words of alice", "alice asked and waits")
HIS = ("words of bob", "hot words of bob")


async def in_s3(world: World, *words: str) -> set[str]:
    """Those that somebody finds who reads every row of every file."""
    found = set()
    for key in await world.app.objects.keys(""):
        body = await world.app.objects.get(key)
        text = body.decode(errors="replace")
        if key.endswith(".parquet"):
            text += str(pq.read_table(pa.BufferReader(body)).to_pydict())
        found |= {word for word in words if word in text}
    return found


async def in_redis(world: World, *words: str) -> set[str]:
    held = ""
    client = world.app.redis.client
    async for key in client.scan_iter(count=1000):
        kind = (await client.type(key)).decode()
        read = {"string": client.get, "hash": client.hgetall, "set": client.smembers}.get(kind)
        held += str(await read(key) if read else await client.zrange(key, 0, -1) if kind == "zset" else "")
    return {word for word in words if word in held}


async def correspond(world: World) -> tuple[Person, Person, Person]:
    alice, bob, carol = [await world.person(name, money=1000) for name in ("alice", "bob", "carol")]
    await alice.befriend(carol)
    assert (await alice.pay(bob, 10, note=HERS[0])).status_code == 201
    assert (await bob.pay(alice, 20, note=HIS[0])).status_code == 201
    await ask(alice, bob, HERS[1])
    await world.drain()
    await service.archive(world.app, before=world.clock.now())
    assert (await alice.pay(bob, 30, note=HERS[2])).status_code == 201
    assert (await bob.pay(alice, 40, note=HIS[1])).status_code == 201
    await world.drain()
    await carol.get("/feed")
    return alice, bob, carol


async def ask(requester: Person, payer: Person, note: str) -> None:
    body = {"payer": {"user_id": payer.id}, "amount": 5, "note": note}
    made = (await requester.post("/requests", body, key=new_key())).json()
    assert (await payer.post(f"/requests/{made['id']}/accept", {}, key=new_key())).status_code == 200


async def test_notes_are_archived_under_the_keys_of_both(fresh: World) -> None:
    await correspond(fresh)
    assert await in_s3(fresh, *HERS, *HIS) == set()
    assert await in_s3(fresh, "TransferSettled", "sealed_note") == {"TransferSettled", "sealed_note"}
    assert (await proof.verify(fresh.app)).passed


async def test_a_note_that_was_changed_is_found_though_it_is_sealed(fresh: World) -> None:
    await correspond(fresh)
    await run(fresh, f"UPDATE transfers SET note = 'x' WHERE note = '{HERS[0]}'")
    failed = {check.name for check in (await proof.verify(fresh.app)).checks if not check.passed}
    assert failed == {"transfers announced"}


async def test_nothing_of_who_is_erased_is_left_and_everything_is_still_proved(fresh: World) -> None:
    alice, bob, carol = await correspond(fresh)
    before = (await bob.get("/statements")).json()
    everything = (*HERS[:3], alice.username, alice.email)
    assert {word for _, word in await holding(fresh, *everything)} >= set(HERS[:3])
    assert HERS[2] in await in_redis(fresh, *HERS)
    await alice.pay(bob, await alice.balance(), note=HERS[2])
    await fresh.drain()
    await fresh.app.database.transact(privacy.erase, fresh.app, alice.username)
    await fresh.drain()
    await fresh.app.database.transact(_others_answers_expire)
    for _ in range(2):
        left = await holding(fresh, *everything)
        assert left == set()
        assert await in_redis(fresh, *everything) == set()
        assert await in_s3(fresh, *everything) == set()
        assert (await proof.verify(fresh.app)).passed
        after = (await bob.get("/statements")).json()
        assert adds_up(after)
        assert [line["amount"] for line in after["lines"]][: len(before["lines"])] == [
            line["amount"] for line in before["lines"]
        ]
        assert [line["note"] for line in after["lines"]][1:6] == ["", HIS[0], "", "", HIS[1]]
        assert {line["other"]["display_name"] for line in after["lines"][1:]} == {"Erased"}
        await service.archive(fresh.app, before=fresh.clock.now())  # what was hot goes the same way
    assert (await carol.get("/feed")).json()["data"] == []


async def _others_answers_expire(tx: object) -> None:
    """Answers that name an erased person stay with others' keys until those are forgotten, a day later."""
    from sqlalchemy import text

    await tx.execute(text("DELETE FROM idempotency_keys"))  # type: ignore[attr-defined]


async def test_nobody_is_erased_while_events_move(fresh: World) -> None:
    alice, bob, _ = await correspond(fresh)
    await alice.pay(bob, await alice.balance(), note=HERS[2])
    await fresh.drain()
    await run(fresh, "UPDATE archive_partitions SET state = 'frozen' WHERE group_name = 'events' AND state = 'open'")
    with pytest.raises(CannotErase, match="on their way to the archive"):
        await fresh.app.database.transact(privacy.erase, fresh.app, alice.username)
    await run(fresh, "UPDATE users SET erased_at = now() WHERE id = $1", uuid(alice))
    with pytest.raises(Contended):
        await fresh.app.database.transact(queries.forget_words, uuid(alice))


async def test_only_the_words_of_who_was_erased_are_forgotten(fresh: World) -> None:
    alice, _, _ = await correspond(fresh)
    with pytest.raises(DBAPIError, match="only the words of who was erased"):
        await fresh.app.database.transact(queries.forget_words, uuid(alice))


def test_every_event_with_a_note_is_known_to_the_archive() -> None:
    with_notes = {name for name, kind in EVENTS.items() if "note" in kind.__dataclass_fields__}
    assert with_notes == notes.PEOPLE.keys()
    for topic, people in notes.PEOPLE.items():
        assert {str(EVENTS[topic].__dataclass_fields__[name].type) for name in people} <= {str(UUID), "UUID"}
