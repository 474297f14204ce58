"""Statements, balances and transfers as of a moment, over HTTP and on real servers."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import text

from tests.conftest import Person, World
from tests.ledger import audit
from venmo_api.adapters.postgres import Transaction
from venmo_api.core import ids
from venmo_api.ledger.rules import bank_account, fees_account
from venmo_api.statements import service
from venmo_api.statements.rules import Period

TODAY = datetime.now(UTC).date()


def uuid(person: Person) -> UUID:
    found = ids.decode(ids.USER, person.id)
    assert found
    return found


def amounts(answer: httpx2.Response) -> list[tuple[str, int, int]]:
    assert answer.status_code == 200, answer.text
    return [(line["type"], line["amount"], line["balance"]) for line in answer.json()["lines"]]


def adds_up(document: dict[str, Any]) -> bool:
    total = sum(line["amount"] for line in document["lines"])
    return bool(document["opening_balance"] + total == document["closing_balance"])


@dataclass
class Clerk:
    """Writes into the ledger by hand what other features will."""

    world: World
    connection: Any

    async def post(self, kind: str, *lines: tuple[UUID, int], id: UUID | None = None, days_ago: float = 0) -> UUID:
        id, at = id or uuid4(), self.world.clock.now() - timedelta(days=days_ago)
        await self.connection.execute("SET session_replication_role = replica")
        await self.connection.execute("INSERT INTO ledger_transactions VALUES ($1, $2, $3)", id, kind, at)
        for account, amount in lines:
            await self.connection.execute(
                """WITH moved AS (
                    UPDATE ledger_accounts SET balance = balance + $2, version = version + 1, moved_at = $4
                    WHERE id = $1 RETURNING balance, version)
                INSERT INTO ledger_entries (account_id, version, transaction_id, amount, balance_after, at)
                SELECT $1, version, $3, $2, balance, $4 FROM moved""",
                account, amount, id, at,
            )  # fmt: skip
        return id

    async def transfer(self, id: UUID, sender: Person, recipient: Person, amount: int, **more: Any) -> None:
        row = {
            "id": id, "sender_id": uuid(sender), "recipient_id": uuid(recipient), "amount": amount, "currency": "USD",
            "note": "by hand", "audience": "private", "status": "settled", "created_at": self.world.clock.now(), **more,
        }  # fmt: skip
        holes = ", ".join(f"${number}" for number in range(1, len(row) + 1))
        await self.connection.execute(f"INSERT INTO transfers ({', '.join(row)}) VALUES ({holes})", *row.values())

    async def source(self, person: Person) -> UUID:
        made = (await person.post("/wallet/funding-sources", {"token": "sandbox_bank_ok"})).json()
        found = ids.decode(ids.FUNDING_SOURCE, made["id"])
        assert found
        return found


@pytest.fixture
async def clerk(fresh: World) -> AsyncIterator[Clerk]:
    connection = await audit.connect(fresh)
    yield Clerk(fresh, connection)
    await connection.close()


async def test_a_statement_tells_what_moved_the_balance(world: World) -> None:
    alice, bob = await world.person("alice", money=10_000), await world.person("bob")
    paid = (await alice.pay(bob, 1250, note="pizza 🍕")).json()
    await bob.pay(alice, 50)
    answer = await alice.get("/statements")
    assert amounts(answer) == [("Top Up", 10_000, 10_000), ("Payment", -1250, 8750), ("Payment", 50, 8800)]
    document = answer.json()
    lines = document.pop("lines")
    assert document == {
        "account": paid["sender"],
        "start": TODAY.replace(day=1).isoformat(),
        "end": TODAY.isoformat(),
        "currency": "USD",
        "opening_balance": 0,
        "closing_balance": 8800,
        "money_in": 10_050,
        "money_out": 1250,
        "fees": 0,
        "year_to_date_fees": 0,
    }
    assert lines[1] == {
        "id": paid["id"],
        "type": "Payment",
        "status": "Complete",
        "at": paid["created_at"],
        "note": "pizza 🍕",
        "from": paid["sender"]["display_name"],
        "to": paid["recipient"]["display_name"],
        "other": paid["recipient"],
        "amount": -1250,
        "fee": 0,
        "balance": 8750,
        "funding_source": "Venmo balance",
        "destination": "",
    }
    assert (lines[0]["funding_source"], lines[0]["destination"]) == ("Sandbox Bank *0000", "Venmo balance")
    assert (await world.client.get("/v1/statements")).status_code == 401


async def test_nobody_elses_money_is_in_it(world: World) -> None:
    alice, bob, carol = [await world.person(name, money=1000) for name in ("alice", "bob", "carol")]
    await bob.pay(carol, 100, note="a secret of bob and carol")
    await alice.pay(bob, 1)
    for format in ("json", "csv"):
        text = (await alice.get("/statements", format=format)).text
        assert "secret" not in text
        assert carol.username not in text
        assert len(amounts(await alice.get("/statements"))) == 2


async def test_the_csv_and_pdf_are_files(world: World) -> None:
    alice, bob = await world.person("alice", money=1000), await world.person("bob", display_name="=cmd()")
    await alice.pay(bob, 300, note='@SUM(1) "x", y')
    name = f'attachment; filename="venmo-statement-{alice.username}-{TODAY.replace(day=1)}-to-{TODAY}'
    file = await alice.get("/statements", format="csv")
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert file.headers["content-disposition"] == f'{name}.csv"'
    rows = list(csv.reader(io.StringIO(file.content.decode("utf-8-sig"), newline="")))
    assert rows[0][0] == f"Account Statement - (@{alice.username})"
    assert (rows[5][5], rows[5][7], rows[5][8]) == ('\'@SUM(1) "x", y', "'=cmd()", "- $3.00")
    assert (rows[3][16], rows[-1][17]) == ("$0.00", "$7.00")
    page = await alice.get("/statements", format="pdf")
    assert page.headers["content-type"] == "application/pdf"
    assert page.headers["content-disposition"] == f'{name}.pdf"'
    assert page.content.startswith(b"%PDF-")
    assert page.content == (await alice.get("/statements", format="pdf")).content


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"start": "2026-02-30"}, "?start"),
        ({"start": "20260101"}, "?start"),
        ({"start": "1767225600"}, "?start"),
        ({"end": "9999-12-31"}, "?end"),
        ({"start": "0001-01-01"}, "?start"),
        ({"start": "2026-02-02", "end": "2026-02-01"}, "?start"),
        ({"format": "xml"}, "?format"),
        ({"user": "bob"}, "?user"),
    ],
)
async def test_a_period_that_cannot_be_is_refused(world: World, params: dict[str, str], pointer: str) -> None:
    answer = await (await world.person()).get("/statements", **params)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


@pytest.mark.parametrize(
    "at",
    ["", "2026-11-20", "2026-11-20T19:06:00", "1763660000", "2026-13-01T00:00:00Z", "2026-11-20T19:06:00 00:00",
     "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59Z", "now"],
)  # fmt: skip
async def test_a_moment_that_cannot_be_is_refused(world: World, at: str) -> None:
    alice = await world.person("alice", money=1)
    answer = await alice.get("/wallet/balance", at=at)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "?at")
    assert (await alice.get("/wallet/balance")).status_code == 422
    assert (await world.client.get("/v1/wallet/balance", params={"at": at})).status_code == 401


async def test_the_balance_at_the_told_moment_of_a_payment_has_it_in_it(world: World) -> None:
    alice, bob = await world.person("alice", money=1000), await world.person("bob")
    before = world.clock.now() - timedelta(milliseconds=1)
    await asyncio.sleep(0.005)
    paid = (await alice.pay(bob, 300)).json()
    for at, balance in ((before.isoformat(), 1000), (paid["created_at"], 700), ("1999-12-31T23:59:59Z", 0)):
        answer = await alice.get("/wallet/balance", at=at)
        assert answer.status_code == 200, answer.text
        assert (answer.json()["balance"], answer.json()["currency"]) == (balance, "USD")
    shifted = datetime.fromisoformat(paid["created_at"]).astimezone().isoformat()
    assert (await alice.get("/wallet/balance", at=shifted)).json() == {
        "at": paid["created_at"],
        "balance": 700,
        "currency": "USD",
    }
    assert (await bob.get("/wallet/balance", at=paid["created_at"])).json()["balance"] == 300


async def test_a_statement_is_of_one_moment_while_payments_run(world: World) -> None:
    alice, bob = await world.person("alice", money=5000), await world.person("bob", money=5000)
    done = asyncio.Event()

    async def trade() -> None:
        for number in range(40):
            payer, payee = (alice, bob) if number % 3 else (bob, alice)
            assert (await payer.pay(payee, 7 + number)).status_code == 201
        done.set()

    async def read() -> list[int]:
        seen = []
        while not done.is_set():
            answer = await alice.get("/statements")
            assert answer.status_code == 200, answer.text
            assert adds_up(answer.json())
            seen.append(len(answer.json()["lines"]))
        return seen

    _, *seen = await asyncio.gather(trade(), read(), read())
    assert all(len(set(each)) > 3 and each == sorted(each) for each in seen)
    assert len((await alice.get("/statements")).json()["lines"]) == 41


async def test_all_of_a_statement_is_read_in_one_snapshot(world: World) -> None:
    alice = await world.person("alice", money=5000)

    async def read(tx: Transaction) -> str:
        await service.begin(tx, world.app, uuid(alice), Period(TODAY, TODAY))
        return str((await tx.execute(text("SHOW transaction_isolation"))).scalar_one())

    assert await world.app.database.read(read) == "repeatable read"


async def test_one_period_opens_with_what_the_one_before_closed(clerk: Clerk) -> None:
    alice = await clerk.world.person("alice")
    bank = bank_account(uuid(alice))
    for days_ago, amount in ((50, 1000), (33, 700), (32, 5), (3, 20), (0.001, 1)):
        await clerk.post("funding", (bank, -amount), (uuid(alice), amount), days_ago=days_ago)
    first = TODAY - timedelta(days=60)
    whole = (await alice.get("/statements", start=str(first), end=str(TODAY))).json()
    assert (len(whole["lines"]), whole["closing_balance"]) == (5, 1726)
    for cut in range(0, 60, 7):
        days = first + timedelta(days=cut)
        early = (await alice.get("/statements", start=str(first), end=str(days))).json()
        late = (await alice.get("/statements", start=str(days + timedelta(days=1)), end=str(TODAY))).json()
        assert early["closing_balance"] == late["opening_balance"]
        assert early["lines"] + late["lines"] == whole["lines"]
        assert adds_up(early)
        assert adds_up(late)


async def test_every_kind_of_movement_has_its_line(clerk: Clerk) -> None:
    alice, bob = await clerk.world.person("alice", money=10_000), await clerk.world.person("bob", money=10_000)
    me, other, bank, fees = uuid(alice), uuid(bob), bank_account(uuid(alice)), fees_account(uuid(alice))
    source = await clerk.source(alice)
    card = await clerk.post("funding", (bank, -515), (me, 515))
    paid = await clerk.post("transfer", (me, -515), (other, 500), (fees, 15))
    await clerk.transfer(paid, alice, bob, 500, fee=15)
    await clerk.connection.execute(
        """INSERT INTO fundings VALUES ($1, $2, $3, 515, 'settled', 'pay', 'k', '', 'r', now())""", paid, card, source
    )
    sold = await clerk.post("transfer", (other, -1000), (me, 971), (fees, 29))
    await clerk.transfer(sold, bob, alice, 1000, seller_fee=29, request_id=uuid4())
    back = await clerk.post("refund", (me, -200), (other, 200))
    await clerk.transfer(back, alice, bob, 200, refund_of=sold)
    out = await clerk.post("cash_out", (me, -1000), (bank, 975), (fees, 25))
    await clerk.connection.execute(
        """INSERT INTO cash_outs VALUES
           ($1, $2, $3, 1000, 25, 'USD', 'instant', 'settled', 'k', '', 'r', now(), now(), now())""",
        out, me, source,
    )  # fmt: skip
    await clerk.post("repayment", (me, -10), (bank, 10))
    document = (await alice.get("/statements")).json()
    assert adds_up(document)
    assert (document["fees"], document["year_to_date_fees"]) == (69, 69)
    assert [(line["type"], line["amount"], line["fee"], line["from"]) for line in document["lines"][1:]] == [
        ("Card Funding", 515, 0, ""),
        ("Payment", -515, 15, alice.username.title()),
        ("Charge", 971, 29, alice.username.title()),
        ("Refund", -200, 0, alice.username.title()),
        ("Instant Transfer", -1000, 25, ""),
        ("Debt Repayment", -10, 0, ""),
    ]
    assert document["lines"][1]["funding_source"] == "Sandbox Bank *0000"
    assert document["lines"][5]["destination"] == "Sandbox Bank *0000"


async def test_a_card_is_named_also_when_its_payment_settled_in_another_period(clerk: Clerk) -> None:
    alice, bob = await clerk.world.person("alice"), await clerk.world.person("bob")
    source, paid = await clerk.source(alice), uuid4()
    card = await clerk.post("funding", (bank_account(uuid(alice)), -515), (uuid(alice), 515), days_ago=40)
    await clerk.post("transfer", (uuid(alice), -500), (uuid(bob), 500), id=paid)
    await clerk.transfer(paid, alice, bob, 500)
    await clerk.connection.execute(
        """INSERT INTO fundings VALUES ($1, $2, $3, 515, 'settled', 'pay', 'k', '', 'r', now())""", paid, card, source
    )
    days = {"start": str(TODAY - timedelta(days=50)), "end": str(TODAY - timedelta(days=30))}
    [line] = (await alice.get("/statements", **days)).json()["lines"]
    assert (line["type"], line["funding_source"], line["balance"]) == ("Card Funding", "Sandbox Bank *0000", 515)


async def test_a_transfer_shows_how_it_came_to_stand_as_it_does(clerk: Clerk) -> None:
    alice, bob, carol = [await clerk.world.person(name) for name in ("alice", "bob", "carol")]
    now = clerk.world.clock.now().replace(microsecond=123_456)
    moments = [now - timedelta(days=days) for days in (9, 7, 3, 1)]
    told = [moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") for moment in moments]
    made = uuid4()
    await clerk.transfer(made, alice, bob, 500, created_at=moments[0], ended_at=moments[1], refunded=350)
    await clerk.transfer(uuid4(), bob, alice, 300, refund_of=made, created_at=moments[3])
    await clerk.transfer(uuid4(), bob, alice, 50, refund_of=made, created_at=moments[2])
    path = f"/transfers/{ids.encode(ids.TRANSFER, made)}/history"
    states = [
        {"status": "held", "at": told[0], "refunded": 0},
        {"status": "settled", "at": told[1], "refunded": 0},
        {"status": "settled", "at": told[2], "refunded": 50},
        {"status": "settled", "at": told[3], "refunded": 350},
    ]
    # That it was held for a review is the sender's to know.
    for person, waited in ((alice, "held"), (bob, "pending")):
        document = (await person.get(path)).json()
        seen = [states[0] | {"status": waited}, *states[1:]]
        assert (document["status"], document["refunded"], document["states"]) == ("settled", 350, seen)
    for number, at in enumerate(told):
        document = (await alice.get(path, at=at)).json()
        assert document["states"] == states[: number + 1]
        assert (document["at"], document["status"]) == (at, states[number]["status"])
        assert document["refunded"] == states[number]["refunded"]
    too_early = await alice.get(path, at="2000-01-01T00:00:00Z")
    assert (too_early.status_code, too_early.json()["code"]) == (404, "not_found")
    assert (await alice.get(path, at="2999-01-01T00:00:00Z")).status_code == 422
    for stranger, place in ((carol, path), (alice, "/transfers/tr_x/history")):
        answer = await stranger.get(place)
        assert (answer.status_code, answer.json()["code"]) == (404, "transfer_not_found")


async def test_the_document_names_every_form_of_a_statement(world: World) -> None:
    told = (await world.client.get("/openapi.json")).json()["paths"]["/v1/statements"]["get"]
    assert told["responses"]["200"]["content"].keys() == {"application/json", "text/csv", "application/pdf"}
    assert {"401", "409", "422"} <= told["responses"].keys()
    assert [each["name"] for each in told["parameters"]] == ["start", "end", "format"]
