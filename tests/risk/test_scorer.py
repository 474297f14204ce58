"""The model that was chosen scores in every process within seconds; one that does not fit never does."""

import asyncio
import dataclasses

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.conftest import World
from tests.risk import made
from venmo_api.risk import features, registry, scorer
from venmo_api.risk.registry import Trained
from venmo_api.risk.rules import ModelUnfit, ModelUnknown
from venmo_api.risk.scorer import Following

VECTOR = [0] * len(features.NAMES)


async def _keep(world: World, body: bytes, *, lies: bytes | None = None) -> str:
    """As training leaves a model: its text (or ``lies`` in its place) in S3, and its row."""
    app, kept = world.app, made.kept(body)
    await app.objects.put_new(registry.key(kept.sha256), lies or body, content_type="text/plain")
    now = app.clock.now()
    assert await app.database.transact(registry.register, Trained(kept, now, now, {"auc": 0.9}))
    return kept.sha256


async def _choose(world: World, sha256: str | None) -> None:
    await world.app.database.transact(registry.choose, world.app, sha256)


async def test_without_a_choice_no_model_is_asked(fresh: World) -> None:
    following = Following()
    await following.refresh(fresh.app)
    assert following.sha256 is None


async def test_a_choice_is_followed_and_so_is_the_next_and_none(fresh: World) -> None:
    first, second = await _keep(fresh, made.text()), await _keep(fresh, made.text(seed=5))
    following = Following()
    for chosen in (first, second, first):
        await _choose(fresh, chosen)
        await following.refresh(fresh.app)
        assert following.sha256 == chosen
        assert 0 < following.score([VECTOR])[0] < 0.1
    assert [(one.kept.sha256, one.active) for one in await fresh.app.database.read(registry.models)] == [
        (first, True),
        (second, False),
    ]
    await _choose(fresh, None)
    await following.refresh(fresh.app)
    assert following.sha256 is None
    assert not any(one.active for one in await fresh.app.database.read(registry.models))


async def test_a_text_that_was_changed_in_s3_never_scores(fresh: World) -> None:
    good = await _keep(fresh, made.text())
    bad = await _keep(fresh, made.text(seed=5), lies=made.text(seed=6))
    await _choose(fresh, good)
    running, started = Following(), Following()
    await running.refresh(fresh.app)
    await _choose(fresh, bad)
    for each in (running, started):
        with pytest.raises(ModelUnfit):
            await each.refresh(fresh.app)
    assert running.sha256 == good  # what scored until now goes on
    assert running.score([VECTOR])
    assert started.sha256 == bad
    with pytest.raises(LookupError):  # payments are degraded, and told
        started.score([VECTOR])


async def test_a_process_that_starts_without_s3_scores_once_it_is_back(fresh: World) -> None:
    body = made.text()
    kept = made.kept(body)
    now = fresh.app.clock.now()
    await fresh.app.database.transact(registry.register, Trained(kept, now, now, {}))
    await _choose(fresh, kept.sha256)
    app = dataclasses.replace(fresh.app, scorer=Following())
    async with scorer.following(app):  # starts all the same
        assert app.scorer.sha256 == kept.sha256
        with pytest.raises(LookupError):
            app.scorer.score([VECTOR])
        await app.objects.put_new(registry.key(kept.sha256), body, content_type="text/plain")
        assert isinstance(app.scorer, Following)
        await app.scorer.refresh(app)
        assert app.scorer.score([VECTOR])


async def test_a_model_is_found_by_how_its_hash_begins(fresh: World) -> None:
    sha256 = await _keep(fresh, made.text())
    find = fresh.app.database.read
    assert (await find(registry.find, sha256[:8].upper())).kept.sha256 == sha256
    for begins in (sha256[:7], "00000000" + sha256, "%"):
        with pytest.raises(ModelUnknown):
            await find(registry.find, begins)


async def test_the_same_model_is_kept_once(fresh: World) -> None:
    body = made.text()
    await _keep(fresh, body)
    now = fresh.app.clock.now()
    assert not await fresh.app.database.transact(registry.register, Trained(made.kept(body), now, now, {}))


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO risk_activations (number, sha256, at) VALUES (1, NULL, now())",
        "UPDATE risk_models SET features = '{}'",
        "DELETE FROM risk_models",
    ],
)
async def test_the_service_chooses_no_model_and_changes_none(fresh: World, statement: str) -> None:
    async def attempt(tx: object) -> None:
        await tx.execute(text(statement))  # type: ignore[attr-defined]

    with pytest.raises(DBAPIError, match="permission denied"):
        await fresh.app.database.transact(attempt)


async def test_a_running_process_follows_a_choice_by_itself(fresh: World) -> None:
    sha256 = await _keep(fresh, made.text())
    app = dataclasses.replace(fresh.app, scorer=Following())
    async with scorer.following(app, poll_seconds=0.02):
        assert app.scorer.sha256 is None
        await _choose(fresh, sha256)
        for _ in range(500):
            if app.scorer.sha256 is None:
                await asyncio.sleep(0.02)
        assert app.scorer.sha256 == sha256


async def test_an_s3_that_hangs_holds_up_no_start(fresh: World) -> None:
    sha256 = await _keep(fresh, made.text())
    await _choose(fresh, sha256)

    class Hanging:
        async def get(self, key: str) -> bytes:
            await asyncio.sleep(3600)
            return b""

    app = dataclasses.replace(fresh.app, scorer=Following(), objects=Hanging())  # type: ignore[arg-type]
    async with asyncio.timeout(10), scorer.following(app, start_seconds=0.2):
        assert app.scorer.sha256 == sha256
        with pytest.raises(LookupError):
            app.scorer.score([VECTOR])
