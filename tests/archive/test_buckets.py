"""The proof in parts: rows of one id stay together, and what crosses the edge of a part is seen too."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pyarrow as pa
import pytest

from tests.archive.test_proof_of_money import every_kind
from tests.conftest import World
from venmo_api.archive import histories, proof, service, sources
from venmo_api.archive.buckets import Buckets
from venmo_api.archive.columns import ID
from venmo_api.archive.evidence import Evidence
from venmo_api.archive.tiers import BLOCK, Found
from venmo_api.ledger.rules import bank_account, debt_account

BANK = bank_account(UUID(int=0))
ENTRIES = 2 * BLOCK + 100
IDS = pa.schema([("id", ID)])


def test_rows_of_one_id_come_together_and_none_is_lost() -> None:
    buckets = Buckets(rows=1000, rows_at_once=50)
    people = [uuid4() for _ in range(400)]
    ids = [each.bytes for person in people for each in (person, debt_account(person))] + [BANK.bytes]
    for start in range(0, len(ids), 37):
        buckets.add("ids", pa.table([pa.array(ids[start : start + 37], ID)], schema=IDS), by="id")
    parts = [set(buckets.read("ids", bucket, IDS)["id"].to_pylist()) for bucket in range(buckets.number)]
    buckets.close()
    assert buckets.number == 32
    assert sorted(each for part in parts for each in part) == sorted(ids)
    assert max(len(part) for part in parts) < 100
    assert all(any({person.bytes, debt_account(person).bytes} <= part for part in parts) for person in people)


def busy() -> dict[str, list[object]]:
    """The entries of an account that has more than fit into two blocks: a cent each."""
    versions = list(range(1, ENTRIES + 1))
    return {
        "transaction_id": [version.to_bytes(16) for version in versions],
        "account_id": [BANK.bytes] * ENTRIES,
        "version": list(versions),
        "amount": [1] * ENTRIES,
        "balance_after": list(versions),
        "at": [datetime.fromtimestamp(1_700_000_000 + version, UTC) for version in versions],
    }


def without(number: int) -> Callable[[dict[str, list[object]]], None]:
    def change(rows: dict[str, list[object]]) -> None:
        for column in rows.values():
            del column[number - 1]

    return change


def swapped(field: str, number: int, value: object) -> Callable[[dict[str, list[object]]], None]:
    def change(rows: dict[str, list[object]]) -> None:
        rows[field][number - 1] = value

    return change


EARLY = datetime.fromtimestamp(1_600_000_000, UTC)
EDGES = [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 1, 2 * BLOCK]


@pytest.mark.parametrize(
    ("change", "failing"),
    [
        (None, set()),
        *((without(number), {"account histories"}) for number in EDGES),
        *((swapped("balance_after", number, 7_000_000), {"account histories"}) for number in EDGES),
        *((swapped("at", number, EARLY), {"times never step back"}) for number in EDGES[1:]),
    ],
)
def test_a_long_history_is_checked_across_its_blocks(
    change: Callable[[dict[str, list[object]]], None] | None, failing: set[str]
) -> None:
    rows = busy()
    if change:
        change(rows)
    found = Found(Buckets(rows=ENTRIES, rows_at_once=20_000))
    table = pa.table(rows, schema=sources.ENTRIES.schema)
    for start in range(0, table.num_rows, 50_000):
        found.add_entries(table.slice(start, 50_000))
    account = [[BANK.bytes], ["bank"], [ENTRIES], [0], [0], [ENTRIES], [0], [rows["at"][-1]]]
    found.add_pile("accounts", pa.table(account, schema=sources.ACCOUNTS.schema), "id")
    failed = {
        check.name
        for bucket in range(found.buckets.number)
        for check in histories.told_in_order(Evidence(found.buckets, bucket, found.waiting))
        if not check.passed
    }
    found.buckets.close()
    assert failed == failing


async def test_many_parts_prove_what_one_does(fresh: World) -> None:
    town = await every_kind(fresh)
    lines: list[str] = []
    for _ in range(2):
        whole = await proof.verify(fresh.app)
        parts = await proof.verify(fresh.app, rows_at_once=5, progress=lines.append)
        assert parts.passed, proof.report(parts)
        assert [(check.name, check.counted) for check in parts.checks] == [
            (check.name, check.counted) for check in whole.checks
        ]
        await service.archive(fresh.app, before=fresh.clock.now())
    assert "checking part 2 of" in " ".join(lines)
    await town.tamper("UPDATE ledger_accounts SET balance = balance + 1 WHERE kind = 'wallet' AND version > 0")
    failed = {check.name: check for check in (await proof.verify(fresh.app, rows_at_once=5)).checks if not check.passed}
    assert failed.keys() == {"stored balances", "money conserved"}
    assert failed["stored balances"].failures > len(failed["stored balances"].named) == 3
