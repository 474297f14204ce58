"""A batch of n is n batches of one: same answers, same rows, whoever pays whom and whatever is refused."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.conftest import Person, World, world_over
from tests.transfers.commands import pay, user_id
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.errors import AppError
from venmo_api.core.policy import Policy
from venmo_api.idempotency.rules import Reply
from venmo_api.risk import lists
from venmo_api.risk.counters import Counters
from venmo_api.risk.features import INDEX
from venmo_api.risk.lists import Entry, List, ListReason
from venmo_api.settings import Settings
from venmo_api.transfers import schemas, service
from venmo_api.transfers.rules import Pay

ROWS = {
    "accounts": "SELECT id, balance, held, version FROM ledger_accounts WHERE id = ANY(:people) ORDER BY id",
    "entries": """SELECT account_id, version, transaction_id, amount, balance_after FROM ledger_entries
                  WHERE account_id = ANY(:people) ORDER BY account_id, version""",
    "transactions": """SELECT id, kind, created_at FROM ledger_transactions
                       WHERE id IN (SELECT transaction_id FROM ledger_entries WHERE account_id = ANY(:people))
                       ORDER BY id""",
    "transfers": "SELECT * FROM transfers WHERE sender_id = ANY(:people) ORDER BY id",
    "keys": """SELECT route, key, fingerprint, status, body, created_at FROM idempotency_keys
               WHERE user_id = ANY(:people) AND route <> 'top-up' ORDER BY user_id, route, key""",
    "events": """SELECT payload::text, created_at FROM events
                 WHERE topic LIKE 'Transfer%' AND (payload ->> 'sender_id')::uuid = ANY(:people)
                 ORDER BY payload ->> 'transfer_id'""",
    "queue": """SELECT count(*) FROM outbox_queue q JOIN events e ON e.id = q.event_id
                WHERE topic LIKE 'Transfer%' AND (payload ->> 'sender_id')::uuid = ANY(:people)""",
    "decisions": """SELECT tx_id, decided_at, recipient_id, amount, verdict, reasons, policy, score, features, listed,
                           snoozed, holdable, degraded, new_device
                    FROM risk_decisions WHERE sender_id = ANY(:people) ORDER BY tx_id""",
    "counters": "SELECT entity_id, record FROM risk_counters WHERE entity_id = ANY(:people) ORDER BY entity_id",
    "holds": "SELECT id, account_id, amount, open FROM ledger_holds WHERE account_id = ANY(:people) ORDER BY id",
}
WARY = Policy(velocity_hour_count=1, velocity_hour_sum=150, score_review=0.5, score_deny=0.9)
"""A policy that payments of cents trip."""


@dataclass
class Town:
    """Four people, some with money, and what would become of them: every run is rolled back."""

    world: World
    people: list[Person]

    @property
    def ids(self) -> list[UUID]:
        return [user_id(person) for person in self.people]

    async def run(self, batches: Sequence[Sequence[Pay]], pays: Any = service.pay) -> tuple[list[Any], dict[str, Any]]:
        """Answers and rows after these batches, begun from the same state each time."""
        work = partial(pays, app=self.world.app, render=schemas.reply)
        async with self.world.app.database.engine.connect() as connection:
            tx = Transaction(connection)
            answers = [_comparable(answer) for batch in batches for answer in await work(tx, batch)]
            await tx.flush()
            rows = {
                name: [tuple(row) for row in await connection.execute(text(query), {"people": self.ids})]
                for name, query in ROWS.items()
            }
            await connection.rollback()
        return answers, rows


def _comparable(answer: Reply | AppError) -> Any:
    return answer if isinstance(answer, Reply) else (type(answer), answer.detail, answer.fields)


@pytest.fixture(scope="module")
async def town(settings: Settings) -> AsyncIterator[Town]:
    async with world_over(settings) as world:
        people = [await world.person(name, money=money) for name, money in (("a", 300), ("b", 100), ("c", 0), ("d", 0))]
        await people[2].patch("/me", {"default_audience": "private"})
        yield Town(world, people)


class Half:
    """Scores by the features alone, and fails at some."""

    sha256 = "0" * 64

    def score(self, rows: Sequence[Sequence[int]]) -> list[float]:
        if any(row[INDEX["amount"]] == 60 for row in rows):
            raise ArithmeticError("a model that fails")
        return [(row[INDEX["recipient_received_sum_24h"]] % 1000) / 1000 for row in rows]


@pytest.fixture(scope="module")
async def wary_town(settings: Settings) -> AsyncIterator[Town]:
    """A town where little is allowed: the model says no, some are held, and nobody may deal with the last."""
    figures = replace(settings.figures, risk=WARY)
    async with world_over(settings.model_copy(update={"figures": figures}), scorer=Half()) as world:
        people = [await world.person(name, money=money) for name, money in (("a", 900), ("b", 600), ("c", 0), ("d", 0))]
        await world.app.database.transact(_block, world, user_id(people[3]))
        yield Town(world, people)


@st.composite
def payments(draw: st.DrawFn) -> list[tuple[int, int | str, int, int | None, str]]:
    """(payer, payee, amount, key, note): few of each, so that keys repeat, with the same body and with others."""
    one = st.tuples(
        st.integers(0, 3),
        st.one_of(st.integers(0, 3), st.sampled_from(["name", "nobody", "no id"])),
        st.sampled_from([1, 60, 100, 100, 250, 1000]),
        st.one_of(st.none(), st.integers(0, 2)),
        st.sampled_from(["lunch", "🍕"]),
    )
    chosen = draw(st.lists(one, min_size=2, max_size=14))
    repeats = draw(st.lists(st.integers(0, len(chosen) - 1), max_size=3))
    return chosen + [chosen[index] for index in repeats]


def _commands(town: Town, drawn: list[tuple[int, int | str, int, int | None, str]]) -> list[Pay]:
    commands = []
    for number, (payer, payee, amount, key, note) in enumerate(drawn):
        recipient: UUID | tuple[str, str]
        if isinstance(payee, int):
            recipient = town.ids[payee]
        elif payee == "name":
            recipient = ("username", town.people[1].username)
        else:
            recipient = ("username", "nobody-at-all") if payee == "nobody" else UUID(int=404)
        name = None if key is None else f"shared-key-{key}"
        commands.append(pay(number, town.ids[payer], recipient, amount, key=name, note=note))
    return commands


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=payments(), cuts=st.sets(st.integers(1, 16)))
async def test_a_batch_of_n_equals_n_batches_of_one(
    town: Town, drawn: list[tuple[int, int | str, int, int | None, str]], cuts: set[int]
) -> None:
    commands = _commands(town, drawn)
    edges = [0, *sorted(cut for cut in cuts if cut < len(commands)), len(commands)]
    some = [commands[start:end] for start, end in pairwise(edges)]
    one_by_one = await town.run([[command] for command in commands])
    assert await town.run([commands]) == one_by_one
    assert await town.run(some) == one_by_one


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=payments(), cuts=st.sets(st.integers(1, 16)))
async def test_a_batch_that_is_held_and_declined_in_parts_equals_batches_of_one(
    wary_town: Town, drawn: list[tuple[int, int | str, int, int | None, str]], cuts: set[int]
) -> None:
    commands = _commands(wary_town, drawn)
    edges = [0, *sorted(cut for cut in cuts if cut < len(commands)), len(commands)]
    one_by_one = await wary_town.run([[command] for command in commands])
    assert await wary_town.run([commands]) == one_by_one
    assert await wary_town.run([commands[start:end] for start, end in pairwise(edges)]) == one_by_one
    moments = [row[1] for row in sorted(one_by_one[1]["decisions"], key=lambda row: row[1])]
    assert len(moments) == len(set(moments)), "the moments of decisions among so few people are an order"


async def test_a_wary_town_allows_holds_declines_and_is_degraded(wary_town: Town) -> None:
    a, b, c, d = wary_town.ids
    answers, rows = await wary_town.run([[pay(0, a, b, 60), pay(1, a, b, 100), pay(2, a, c, 250), pay(3, a, d, 1)]])
    assert [answer.status for answer in answers] == [201, 201, 201, 402]
    assert [(row[4], row[5], row[12]) for row in rows["decisions"]] == [
        ("allow", [], True),
        ("review", ["velocity_hour"], False),
        ("review", ["velocity_hour"], False),
        ("deny", ["recipient_blocked", "velocity_hour"], False),
    ]
    assert [(row[2], row[3]) for row in rows["holds"]] == [(100, True), (250, True)]
    assert {row[0]: (row[1], row[2]) for row in rows["accounts"]}[a] == (840, 350)


async def test_a_planted_defect_is_seen_counters_that_forget_their_neighbours(wary_town: Town) -> None:
    async def forgetful(tx: Transaction, batch: Sequence[Pay], **more: Any) -> list[Reply | AppError]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Counters, "count", lambda *_, **__: None)
            return await service.pay(tx, batch, **more)

    a, b, _, _ = wary_town.ids
    commands = [pay(0, a, b, 100), pay(1, a, b, 100)]
    one_by_one = await wary_town.run([[command] for command in commands])
    assert await wary_town.run([commands], forgetful) != one_by_one
    assert await wary_town.run([commands]) == one_by_one


async def test_each_command_of_a_batch_gets_its_own_answer(town: Town) -> None:
    a, b, c, d = town.ids
    answers, rows = await town.run(
        [
            [
                pay(0, a, b, 200, key="first-key"),
                pay(1, b, c, 300, key="b-spends-what-came-in"),
                pay(2, c, d, 301),
                pay(3, a, b, 200, key="first-key"),
                pay(4, a, b, 201, key="first-key"),
                pay(5, d, d, 1),
                pay(6, a, UUID(int=404), 1),
                pay(7, a, ("username", "nobody-at-all"), 1),
                pay(8, a, ("username", town.people[2].username), 100),
                pay(9, a, b, 1, key="refused-key"),
                pay(10, a, b, 1, key="refused-key"),
                pay(11, c, d, 400),
            ]
        ]
    )
    codes = [answer.status if isinstance(answer, Reply) else answer[0].code for answer in answers]
    assert codes == [
        201,
        201,
        402,
        201,
        "idempotency_key_reused",
        "cannot_pay_self",
        "recipient_not_found",
        "recipient_not_found",
        201,
        402,
        402,
        201,
    ]
    assert [answer.replayed for answer in answers if isinstance(answer, Reply)] == [
        False, False, False, True, False, False, True, False,
    ]  # fmt: skip
    assert answers[3].body == answers[0].body
    assert answers[10].body == answers[9].body
    assert {row[0]: row[1] for row in rows["accounts"]} == {a: 0, b: 0, c: 0, d: 400}
    assert sorted((row[1], row[3]) for row in rows["keys"]) == [
        ("b-spends-what-came-in", 201),
        ("first-key", 201),
        ("key-number-11", 201),
        ("key-number-2", 402),
        ("key-number-8", 201),
        ("refused-key", 402),
    ]
    assert len(rows["transfers"]) == len(rows["events"]) == rows["queue"][0][0] == 4


async def test_the_same_key_of_two_people_and_of_two_routes_are_four_keys(town: Town) -> None:
    a, b, _, d = town.ids
    answers, rows = await town.run(
        [[pay(n, who, d, 10, key="common-key", route=route) for n, (who, route) in enumerate(_scopes(a, b))]]
    )
    assert [(answer.status, answer.replayed) for answer in answers] == [(201, False)] * 4
    assert {row[0]: row[1] for row in rows["accounts"]}[d] == 40


async def test_a_batch_that_moves_nothing_writes_no_ledger_rows(town: Town) -> None:
    a, _, c, _ = town.ids
    _, before = await town.run([])
    _, after = await town.run([[pay(0, c, a, 1), pay(1, c, c, 1)]])
    assert {name: rows for name, rows in after.items() if name != "keys"} == {
        name: rows for name, rows in before.items() if name != "keys"
    }
    assert [(row[1], row[3]) for row in after["keys"]] == [("key-number-0", 402)]


async def test_a_planted_defect_is_seen_a_refusal_that_harms_its_neighbours(town: Town) -> None:
    async def harsh(tx: Transaction, batch: Sequence[Pay], **more: Any) -> list[Reply | AppError]:
        answers = await service.pay(tx, batch, **more)
        refused = [answer for answer in answers if isinstance(answer, AppError) or answer.status != 201]
        return [refused[0] if refused else answer for answer in answers]

    a, b, c, _ = town.ids
    commands = [pay(0, a, b, 100), pay(1, c, b, 1), pay(2, b, a, 50)]
    one_by_one = await town.run([[command] for command in commands])
    assert await town.run([commands], harsh) != one_by_one
    assert await town.run([commands]) == one_by_one


async def test_a_planted_defect_is_seen_a_batch_in_another_order(town: Town) -> None:
    a, b, c, _ = town.ids
    first, second = pay(0, a, b, 300), pay(1, a, c, 300)
    assert await town.run([[second, first]]) != await town.run([[first], [second]])


async def _block(tx: Transaction, world: World, person: UUID) -> None:
    entry = Entry(world.app.new_id(), List.BLOCK, person, None, ListReason.FRAUD, person, world.clock.now())
    await lists.add(tx, entry)


def _scopes(a: UUID, b: UUID) -> list[tuple[UUID, str]]:
    return [(a, "pay"), (a, "other"), (b, "pay"), (b, "other")]
