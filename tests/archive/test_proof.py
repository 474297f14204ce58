"""The proof finds whatever was changed, wherever it stands."""

import dataclasses
from pathlib import Path

import pytest

from tests.archive.disk import disk
from tests.archive.town import Town, s3_that_is_down, settle
from tests.conftest import World
from venmo_api.archive import proof, service
from venmo_api.archive.rules import ArchiveMismatch
from venmo_api.core.errors import Unavailable

ONE_HOT = "(SELECT transaction_id FROM ledger_entries ORDER BY transaction_id LIMIT 1)"
"""The first: others of its accounts follow it."""
IS_HOT = "id IN (SELECT id FROM ledger_transactions)"
FIELDS = {
    "{0}_id": "gen_random_uuid()",
    "{1}_id": "gen_random_uuid()",
    "amount": "amount + 1",
    "currency": "'EUR'",
    "note": "note || ' '",
    "audience": "'private'",
    "created_at": "created_at + interval '1 microsecond'",
}
"""Of a transfer and its story, each with a value that is wrong."""


def every_field(table: str, payer: str, payee: str, check: str) -> dict[str, tuple[str, set[str]]]:
    """Each field of a row changed, once where the event is in Postgres and once where it is in S3."""
    return {
        f"{field.format(payer, payee)} of {table}, {place}": (
            f"UPDATE {table} SET {field.format(payer, payee)} = {value} "
            f"WHERE id = (SELECT id FROM {table} WHERE {where} LIMIT 1)",
            {check},
        )
        for field, value in FIELDS.items()
        for place, where in (("hot", IS_HOT), ("cold", f"NOT {IS_HOT}"))
    }


HOT_TAMPERS = {
    **every_field("transfers", "sender", "recipient", "transfers announced"),
    **every_field("stories", "actor", "target", "stories as announced"),
    "a story deleted, cold": (
        f"DELETE FROM stories WHERE id = (SELECT id FROM stories WHERE NOT {IS_HOT} LIMIT 1)",
        {"stories as announced"},
    ),
    "a story deleted, hot": (
        f"DELETE FROM stories WHERE id = (SELECT id FROM stories WHERE {IS_HOT} LIMIT 1)",
        {"stories as announced"},
    ),
    "a story of no transfer": (
        "INSERT INTO stories SELECT gen_random_uuid(), actor_id, target_id, action, amount, currency, note, audience, "
        "likes, comments, created_at FROM stories LIMIT 1",
        {"stories as announced"},
    ),
    "the time of a transaction": (
        f"UPDATE ledger_transactions SET created_at = created_at + interval '1 microsecond' WHERE id = {ONE_HOT}",
        {"times agree"},
    ),
    "the time of a transfer whose transaction is in S3": (
        f"UPDATE transfers SET created_at = created_at - interval '1 day' WHERE NOT {IS_HOT}",
        {"times agree", "transfers announced"},
    ),
    "the time of an event": (
        "UPDATE events SET created_at = created_at - interval '1 microsecond'",
        {"times agree"},
    ),
    **{
        f"an event that says {field}: {value}": (
            f"UPDATE events SET payload = jsonb_set(payload, '{{{field}}}', '{value}')",
            {"transfers announced", *(["times agree"] if field == "at" else [])},
        )
        for field, value in (
            ("at", '"2026-01-01T00:00:00+00:00"'),
            ("at", '"2026-13-01T00:00:00+00:00"'),
            ("at", "7"),
            ("note", '"x"'),
            ("note", "[]"),
            ("audience", '"public"'),
            ("currency", '"EUR"'),
            ("amount", "5.5"),
            ("amount", "100000000000000000000"),
            ("recipient_id", '"ben"'),
        )
    },
    "amount of an entry": (
        "UPDATE ledger_entries SET amount = amount + 1 WHERE ctid = (SELECT min(ctid) FROM ledger_entries)",
        {"transactions balance", "account histories", "stored balances"},
    ),
    "amounts of a transaction": (
        f"UPDATE ledger_entries SET amount = amount * 2 WHERE transaction_id = {ONE_HOT}",
        {"account histories", "stored balances", "transfers posted"},
    ),
    "balance after an entry": (
        f"UPDATE ledger_entries SET balance_after = balance_after + 1 WHERE transaction_id = {ONE_HOT}",
        {"account histories"},
    ),
    "an entry deleted": (
        "DELETE FROM ledger_entries WHERE (account_id, version) = (SELECT account_id, min(version) FROM ledger_entries "
        "GROUP BY account_id HAVING count(*) > 1 ORDER BY account_id LIMIT 1)",
        {"transactions balance", "account histories", "stored balances"},
    ),
    "the newest entry of an account deleted": (
        "DELETE FROM ledger_entries e USING ledger_accounts a WHERE a.id = e.account_id AND a.version = e.version "
        "AND a.id = (SELECT account_id FROM ledger_entries ORDER BY ctid DESC LIMIT 1)",
        {"transactions balance", "stored balances"},
    ),
    "a whole transaction deleted": (
        f"WITH t AS (DELETE FROM ledger_transactions WHERE id = {ONE_HOT} RETURNING id) "
        "DELETE FROM ledger_entries e USING t WHERE e.transaction_id = t.id",
        {"account histories", "stored balances", "transfers posted"},
    ),
    "a transaction row deleted": (
        f"DELETE FROM ledger_transactions WHERE id = {ONE_HOT}",
        {"transactions balance", "transfers posted"},
    ),
    "a transaction without entries": (
        "INSERT INTO ledger_transactions VALUES (gen_random_uuid(), 'transfer', now())",
        {"transactions balance"},
    ),
    "an entry of an account that is not there": (
        f"UPDATE ledger_entries SET account_id = gen_random_uuid() WHERE transaction_id = {ONE_HOT} AND amount > 0",
        {"account histories", "stored balances", "transfers posted"},
    ),
    "entries swapped between people": (
        f"UPDATE ledger_entries SET amount = -amount WHERE transaction_id = {ONE_HOT}",
        {"account histories", "transfers posted"},
    ),
    "a stored balance": (
        "UPDATE ledger_accounts SET balance = balance + 1 WHERE kind = 'wallet' AND version > 0",
        {"stored balances", "money conserved"},
    ),
    "the balance of somebody who never paid": (
        "ALTER TABLE ledger_accounts DROP CONSTRAINT ck_ledger_accounts_known_version; "
        "UPDATE ledger_accounts SET balance = 1 WHERE kind = 'wallet' AND version = 0",
        {"stored balances", "money conserved"},
    ),
    "a stored version": (
        "UPDATE ledger_accounts SET version = version + 1 WHERE kind = 'wallet' AND version > 0",
        {"stored balances"},
    ),
    "an account deleted": (
        "DELETE FROM ledger_accounts WHERE kind = 'wallet' AND version > 0",
        {"account histories", "money conserved"},
    ),
    "a balance below its floor": (
        "ALTER TABLE ledger_accounts DROP CONSTRAINT ck_ledger_accounts_floor; "
        "ALTER TABLE ledger_accounts DROP CONSTRAINT ck_ledger_accounts_wallet; "
        "UPDATE ledger_accounts SET floor = balance + 1 WHERE kind = 'wallet'",
        {"floors and holds"},
    ),
    "a transfer deleted": ("DELETE FROM transfers", {"transfers posted", "transfers announced"}),
    "the amount of a transfer": (
        "UPDATE transfers SET amount = amount + 1",
        {"transfers posted", "transfers announced"},
    ),
    "the recipient of a transfer": (
        "UPDATE transfers SET recipient_id = gen_random_uuid()",
        {"transfers posted", "transfers announced"},
    ),
    "the amount of a top-up": (
        "UPDATE top_ups SET amount = amount + 1",
        {"top-ups posted", "top-ups announced"},
    ),
    "a top-up that failed after all": ("UPDATE top_ups SET status = 'failed'", {"top-ups posted", "top-ups announced"}),
    "an event deleted": (
        "DELETE FROM events WHERE id = (SELECT id FROM events WHERE topic = 'TransferSettled' LIMIT 1)",
        {"transfers announced"},
    ),
    "an event doubled": (
        "INSERT INTO events SELECT gen_random_uuid(), topic, payload, created_at FROM events LIMIT 1",
        {"transfers announced"},
    ),
    "an event that says something else": (
        "UPDATE events SET payload = payload || '{\"amount\": 1}'",
        {"transfers announced"},
    ),
    "an event that says nothing": ("UPDATE events SET payload = '[]'", {"transfers announced"}),
    "a manifest forgotten": (
        "DELETE FROM archive_manifests WHERE sequence = 1",
        {"manifest chain", "account histories", "transfers posted"},
    ),
    "the hash of a manifest": ("UPDATE archive_manifests SET sha256 = '\\x00' WHERE sequence = 1", {"manifest chain"}),
    "the counts of a manifest": ("UPDATE archive_manifests SET entries = entries + 1", {"manifest chain"}),
}


async def half_archived(world: World) -> Town:
    """Two manifests in S3, three payments in Postgres."""
    town = await settle(world, trades=3)
    await service.archive(world.app, before=world.clock.now())
    await town.trade(3)
    await town.verify()
    return town


async def failed(town: Town) -> set[str]:
    proven = await proof.verify(town.world.app)
    text = proof.report(proven)
    assert not proven.passed
    assert "FAILED" in text
    for check in proven.checks:
        assert check.passed == (check.detail == "")
        assert check.detail in text
    return {check.name for check in proven.checks if not check.passed}


async def test_what_is_changed_in_postgres_is_found(fresh: World) -> None:
    town = await half_archived(fresh)
    await town.keep()
    for name, (statement, expected) in HOT_TAMPERS.items():
        await town.tamper(statement)
        assert expected <= await failed(town), name
        await town.restore()
        await town.verify()


async def test_rows_in_both_tiers_are_found(fresh: World) -> None:
    tables = {
        "ledger_transactions": "one place each",
        "events": "one place each",
        "ledger_entries": "account histories",
    }
    town = await settle(fresh, trades=3)
    await town.keep()
    await service.archive(fresh.app, before=fresh.clock.now())
    for table, check in tables.items():
        await town.tamper(f"INSERT INTO {table} SELECT * FROM kept_{table} LIMIT 2")
        assert check in await failed(town)
        await town.tamper(f"DELETE FROM {table}")
        await town.verify()


async def test_every_changed_object_is_found(fresh: World) -> None:
    town = await half_archived(fresh)
    objects = fresh.app.objects
    for key in await objects.keys(""):
        body = await objects.get(key)
        name = "manifest chain" if key.startswith("manifest/") else "archived files"
        for position in (0, len(body) // 2, len(body) - 1):
            changed = body[:position] + bytes([body[position] ^ 1]) + body[position + 1 :]
            put(town, key, changed)
            assert name in await failed(town), (key, position)
        for changed in (b"", body[:-1], body + b" "):
            put(town, key, changed)
            assert name in await failed(town), key
        objects._client.delete_object(Bucket=objects.bucket, Key=key)
        found = await failed(town)
        assert name in found
        assert key in proof.report(await proof.verify(fresh.app))
        put(town, key, body)
    await town.verify()


async def test_a_manifest_rewritten_consistently_in_s3_is_found(fresh: World) -> None:
    town = await half_archived(fresh)
    first = await fresh.app.objects.get("manifest/00000001.json")
    put(town, "manifest/00000001.json", first.replace(b'"events":0', b'"events":1'))
    assert await failed(town) >= {"manifest chain"}


async def test_a_note_cannot_pass_for_a_field_of_its_event(fresh: World) -> None:
    town = await settle(fresh)
    for note in (
        '"transfer_id": "x"',
        '", "amount": 1, "x":"',
        "transfer_id",
        "sender_id\\",
        "\\u0041 \\n ☕ naïve \\\\",
        "{}, []",
    ):
        assert (await town.people[0].pay(town.people[1], 7, note=note)).status_code == 201
    await fresh.drain()
    await town.verify()
    await service.archive(fresh.app, before=fresh.clock.now())
    await town.verify()


async def test_only_an_event_not_yet_delivered_may_lack_its_story(fresh: World) -> None:
    town = await settle(fresh)
    await town.trade(3, deliver=False)
    await town.verify()
    await town.tamper("UPDATE outbox_queue SET parked = true")
    await town.verify()
    await town.tamper("DELETE FROM outbox_queue")
    assert await failed(town) == {"stories as announced"}


async def test_top_ups_keep_their_time(fresh: World) -> None:
    town = await settle(fresh)
    top_ups = "(SELECT id FROM ledger_transactions WHERE kind = 'top_up')"
    await town.tamper(f"UPDATE ledger_entries SET at = now() WHERE transaction_id IN {top_ups}")
    assert await failed(town) == {"times agree", "times never step back"}
    await town.tamper("UPDATE ledger_transactions SET created_at = now() WHERE kind = 'top_up'")
    assert await failed(town) == {"times agree", "times never step back"}


async def test_what_rots_on_the_disk_of_s3_is_named(fresh: World, tmp_path: Path) -> None:
    async with disk(tmp_path, bucket=fresh.app.objects.bucket) as rotting:
        world = dataclasses.replace(fresh, app=dataclasses.replace(fresh.app, objects=rotting.objects))
        town = await half_archived(world)
        for key in await rotting.objects.keys(""):
            name = "manifest chain" if key.startswith("manifest/") else "archived files"
            for harm in rotting.harms:
                with harm(key):
                    proven = await proof.verify(world.app)
                    assert name in {check.name for check in proven.checks if not check.passed}, (key, harm)
                    assert key in proof.report(proven)
        await town.verify()
        last = (await rotting.objects.keys("manifest/"))[-1]
        await town.tamper(f"DELETE FROM archive_manifests WHERE key = '{last}'")
        with rotting.cut_short(last), pytest.raises(ArchiveMismatch, match=last):
            await service.archive(world.app, before=world.clock.now())


async def test_a_ledger_nobody_has_used_is_proven(fresh: World) -> None:
    proven = await proof.verify(fresh.app)
    assert proven.passed, proof.report(proven)
    assert not (await service.archive(fresh.app, before=fresh.clock.now())).rows


async def test_s3_out_of_reach_is_not_a_failed_proof(fresh: World) -> None:
    await half_archived(fresh)
    fresh.app.objects._client = s3_that_is_down()
    with pytest.raises(Unavailable):
        await proof.verify(fresh.app)


def put(town: Town, key: str, body: bytes) -> None:
    objects = town.world.app.objects
    objects._client.put_object(Bucket=objects.bucket, Key=key, Body=body)
