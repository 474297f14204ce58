"""Another master key than the one of the database: every verb says so in a sentence, and none starts with it."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.conftest import World
from venmo_api.adapters.kms import make_master_key


async def told(world: World, *words: str, master_key: Path | None = None) -> tuple[int, str]:
    """The exit code of a verb over the database of ``world``, and all it printed."""
    environment = os.environ | {
        "VENMO_DATABASE_URL": world.app.database.engine.url.render_as_string(hide_password=False),
        "VENMO_S3_BUCKET": world.app.objects.bucket,
        "VENMO_ENVIRONMENT": "test",
        "VENMO_MASTER_KEY_FILE": str(master_key or os.environ["VENMO_MASTER_KEY_FILE"]),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "venmo_api", *words),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30):
        said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


@pytest.mark.parametrize(
    "words",
    [("keys", "re-encrypt"), ("keys", "rotate"), ("keys", "list"), ("serve", "--port", "1"), ("worker",)],
    ids=" ".join,
)
async def test_another_master_key_is_told_in_a_sentence(fresh: World, tmp_path: Path, words: tuple[str, ...]) -> None:
    make_master_key(tmp_path / "master.key")
    code, said = await told(fresh, *words, master_key=tmp_path / "master.key")
    assert code == 1
    last = said.splitlines()[-1]
    assert last.startswith("The keys in the database were wrapped by another master key than this one")
    assert "Traceback" not in said


@pytest.mark.parametrize("words", [("serve", "--port", "1"), ("worker",), ("keys", "list")], ids=" ".join)
async def test_no_master_key_is_told_in_a_sentence(fresh: World, tmp_path: Path, words: tuple[str, ...]) -> None:
    code, said = await told(fresh, *words, master_key=tmp_path / "none.key")
    assert code == 1
    assert "none.key" in said.splitlines()[-1]
    assert "Traceback" not in said


async def test_the_standing_key_is_listed_and_never_rotated(fresh: World) -> None:
    code, said = await told(fresh, "keys", "rotate", "standing")
    assert (code, said.startswith("The standing key is made once and never rotated")) == (1, True)
    assert len(said.splitlines()) == 1
    assert await told(fresh, "keys", "rotate", "index") == (0, "index 2 announced\n")
    code, said = await told(fresh, "keys", "list")
    assert [line.split()[:2] for line in said.splitlines()] == [
        ["index", "1"],
        ["index", "2"],
        ["standing", "1"],
        ["wrapping", "1"],
    ]
    assert said.splitlines()[2].endswith("every story")
