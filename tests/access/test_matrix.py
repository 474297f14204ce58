"""Nobody reaches what is not theirs: every operation with everybody's eyes, and defects that the matrix notices."""

from typing import Any

import pytest
from fastapi import Response
from sqlalchemy import text

from tests.access import matrix
from tests.access.matrix import broken, uncovered
from tests.access.scene import Scene, scene, transfer
from tests.access.table import THINGS, Thing
from tests.conftest import World
from venmo_api.http import routes
from venmo_api.http.dependencies import App, json_response
from venmo_api.transfers import queries
from venmo_api.transfers.router import TransferId


async def document_of(world: World) -> dict[str, Any]:
    found: dict[str, Any] = (await world.client.get("/openapi.json")).json()
    return found


@pytest.fixture
async def on(world: World) -> Scene:
    return await scene(world, await document_of(world))


async def test_every_operation_stands_in_the_table(world: World) -> None:
    assert uncovered(await document_of(world)) == []


@pytest.mark.parametrize("kind", THINGS)
async def test_each_thing_is_reached_by_those_it_belongs_to(on: Scene, kind: str) -> None:
    assert await broken(on, THINGS[kind]) == []


async def test_a_route_that_nobody_thought_of_is_noticed(world: World) -> None:
    router = routes.router("/v1/transfers", tag="transfers")

    @router.get("/{transfer_id}/receipt", operation_id="getReceipt")
    async def receipt(app: App, transfer_id: TransferId) -> Response:
        return json_response({})

    world.api.router.routes.extend(router.routes)
    assert "getReceipt stands in the table not exactly once" in uncovered(await document_of(world))


async def test_a_route_that_names_a_thing_cannot_pass_for_ones_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrix, "OWN", matrix.OWN | {"getTransfer"})
    monkeypatch.setitem(THINGS, "private transfer", Thing(transfer, {}))
    assert "getTransfer names a thing (transfer_id); say whose" in uncovered(await document_of(world))


async def test_a_route_without_a_check_is_noticed(on: Scene) -> None:
    router = routes.router("/v1/transfers", tag="transfers")

    @router.get("/{transfer_id}/receipt", operation_id="getReceipt")
    async def receipt(app: App, transfer_id: TransferId) -> Response:
        async def note(tx: Any) -> Any:
            return (await tx.execute(text("SELECT note FROM transfers WHERE id = :id"), {"id": transfer_id})).scalar()

        return json_response({"note": await app.database.read(note)})

    on.world.api.router.routes.extend(router.routes)
    on.world.api.openapi_schema = None
    on.document = on.world.api.openapi()  # served, it is what it was at the first request
    found = await broken(on, Thing(transfer, {"getReceipt": {"owner": 200, "counterparty": 200}}))
    assert "getReceipt by anonymous: 200 instead of 401" in found
    for role in ("friend", "stranger", "blocked", "support"):
        assert f"getReceipt by {role}: 200 instead of 404" in found


async def test_a_query_that_forgets_whose_is_noticed(on: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    everybodys = text("SELECT * FROM transfers WHERE id = :id OR CAST(:user_id AS uuid) IS NULL")
    monkeypatch.setattr(queries, "GET", everybodys)
    found = await broken(on, Thing(transfer, {"getTransfer": {"owner": 200, "counterparty": 200}}))
    assert "getTransfer by stranger: 200 instead of 404" in found
    assert "getTransfer by stranger tells what is the owner's" in found


async def test_an_answer_that_tells_what_is_there_from_what_is_not_is_noticed(on: Scene) -> None:
    async def unlike(_: Scene) -> str:
        return "not-an-id" + "0" * 31

    thing = Thing(unlike, {"getOperation": {}})
    assert any("getOperation by stranger" in line for line in await broken(on, thing))
