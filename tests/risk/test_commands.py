"""``venmo-api risk replay|shadow``: what an operator reads."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.conftest import World
from tests.transfers.steps import run
from tests.transfers.test_reviews import held
from venmo_api.cli import app

Ran = tuple[int, str]


@pytest.fixture
def operator(careful_fresh: World, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs a verb against the database of ``careful_fresh``."""
    url = careful_fresh.app.database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("VENMO_DATABASE_URL", url)

    async def ran(*words: str) -> Ran:
        result = await asyncio.to_thread(CliRunner().invoke, app, ["risk", *words])
        return result.exit_code, result.output

    return ran


async def test_decisions_are_taken_again_from_the_log(careful_fresh: World, operator: Callable[..., Any]) -> None:
    await held(careful_fresh)
    code, told = await operator("replay", "--days", "1")
    assert (code, told.splitlines()[-1]) == (0, "1 decisions, 0 differences")
    await run(careful_fresh, "ALTER TABLE risk_decisions DISABLE TRIGGER ALL")
    await run(careful_fresh, "UPDATE risk_decisions SET reasons = '{}'")
    code, told = await operator("replay")
    assert code == 1
    assert "1 decisions, 1 differences" in told
    assert "differs: " in told


async def test_a_candidate_is_added_reported_on_and_removed(careful_fresh: World, operator: Callable[..., Any]) -> None:
    assert (await operator("shadow", "add", "strict", "velocity_hour_count=1", "score_review=0.5"))[0] == 0
    code, told = await operator("shadow", "report", "strict")
    assert (code, "looked at 0 decisions" in told) == (0, True)
    assert "strict policy " in (await operator("shadow", "list"))[1]
    for words, why in (
        (("add", "strict", "velocity_hour_count=1"), "There is a candidate with this name"),
        (("add", "No Name", "velocity_hour_count=1"), "A candidate's name has"),
        (("add", "two", "velocity_hour_count"), "Give each figure as name=number"),
        (("add", "two", "no_such=1"), "A policy is made of numbers"),
        (("report", "two"), "There is no candidate"),
        (("remove", "two"), "There is no candidate"),
    ):
        code, told = await operator("shadow", *words)
        assert (code, why in told) == (1, True), told
    assert (await operator("shadow", "remove", "strict"))[0] == 0
    assert "there is no candidate" in (await operator("shadow", "list"))[1]
