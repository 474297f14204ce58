"""The files of the database: whole or absent, and never touched when in doubt."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from venmo_api.local.stack import LocalStackError, Stack

MakeStack = Callable[[Path], Stack]


async def test_a_half_made_cluster_is_made_again(tmp_path: Path, make_stack: MakeStack, contents: Any) -> None:
    half = tmp_path / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    connection = await contents.database(make_stack(tmp_path).start())
    assert await connection.fetchval("select current_database() || ' ' || current_user") == "venmo venmo"
    await connection.close()
    assert not half.exists()


def test_data_of_another_version_is_refused_untouched(tmp_path: Path, make_stack: MakeStack) -> None:
    stack = make_stack(tmp_path)
    stack.start()
    stack.stop()
    version = tmp_path / "postgres" / "PG_VERSION"
    version.write_text("17\n")
    before = _listing(tmp_path / "postgres")
    with pytest.raises(LocalStackError, match=r"written by Postgres 17, and this is Postgres 18"):
        stack.start()
    assert _listing(tmp_path / "postgres") == before
    version.write_text("18\n")
    stack.start()


def test_a_folder_that_is_no_database_is_refused_untouched(tmp_path: Path, make_stack: MakeStack) -> None:
    data = tmp_path / "postgres"
    data.mkdir()
    (data / "holiday.jpg").write_text("precious")
    with pytest.raises(LocalStackError, match="nothing in it was touched"):
        make_stack(tmp_path).start()
    assert [path.name for path in data.iterdir()] == ["holiday.jpg"]


async def test_the_database_is_durable_checked_and_discreet(
    tmp_path: Path, make_stack: MakeStack, contents: Any
) -> None:
    connection = await contents.database(make_stack(tmp_path).start())
    shown = {
        name: await connection.fetchval(f"show {name}")
        for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums", "server_encoding", "jit")
    }
    assert shown == {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
        "server_encoding": "UTF8",
        "jit": "off",
    }
    assert await connection.fetchval("select lower('ÉÀ')") == "éà"
    await connection.execute("create table person (mail text primary key)")
    await connection.execute("insert into person values ($1)", "secret@example.org")
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute("insert into person values ($1)", "secret@example.org")
    await connection.close()
    assert "secret@example.org" not in (tmp_path / "logs" / "postgres.log").read_text()
    assert "duplicate key" in (tmp_path / "logs" / "postgres.log").read_text()


async def test_a_stale_pid_file_does_not_lock_the_database_out(
    tmp_path: Path, make_stack: MakeStack, contents: Any
) -> None:
    stack = make_stack(tmp_path)
    stack.start()
    stack.stop()
    # Process 1 always lives, and is none of ours.
    (tmp_path / "postgres" / "postmaster.pid").write_text("1\n/elsewhere\n")
    connection = await contents.database(stack.start())
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()


def _listing(folder: Path) -> dict[str, float]:
    return {str(path): path.stat().st_mtime for path in folder.rglob("*")}
