"""The stack as a whole: what it holds survives, and nobody else is harmed."""

import json
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from venmo_api.local.stack import LocalStackError, Stack

MakeStack = Callable[[Path], Stack]


async def test_a_second_start_finds_everything_at_the_same_ports(
    tmp_path: Path, make_stack: MakeStack, contents: Any
) -> None:
    stack = make_stack(tmp_path / "with space é")
    first = stack.start()
    assert stack.start() == first
    await contents.write(first)
    stack.stop()
    assert stack.pids() == {}

    again = make_stack(tmp_path / "with space é")
    assert again.start() == first
    assert await contents.read(first) == contents.kept
    assert contents.key(first) is None


@pytest.mark.parametrize("name", ["postgres", "valkey", "s3"])
async def test_a_killed_server_comes_back_with_its_data(
    name: str, tmp_path: Path, make_stack: MakeStack, contents: Any
) -> None:
    stack = make_stack(tmp_path)
    endpoints = stack.start()
    await contents.write(endpoints)
    killed = stack.pids()[name]
    session = await contents.database(endpoints)
    os.kill(killed, signal.SIGKILL)
    _wait_for_death(stack, name)

    assert stack.restart_dead() == [name]
    assert stack.restart_dead() == []
    assert stack.pids()[name] != killed
    assert await contents.read(endpoints) == contents.kept
    assert contents.key(endpoints) == (None if name == "valkey" else b"key")
    session.terminate()


def test_a_bucket_with_nothing_in_it_is_kept(tmp_path: Path, make_stack: MakeStack, contents: Any) -> None:
    stack = make_stack(tmp_path)
    objects = contents.objects(stack.start())
    objects.create_bucket(Bucket="empty")
    os.kill(stack.pids()["s3"], signal.SIGKILL)
    _wait_for_death(stack, "s3")
    stack.restart_dead()
    assert "Contents" not in objects.list_objects_v2(Bucket="empty")
    stack.stop()
    assert "Contents" not in contents.objects(make_stack(tmp_path).start()).list_objects_v2(Bucket="empty")


async def test_two_stacks_live_side_by_side(tmp_path: Path, make_stack: MakeStack, contents: Any) -> None:
    one = make_stack(tmp_path / "one").start()
    other = make_stack(tmp_path / "other").start()
    assert not set(one.environment().values()) & {other.database_url, other.redis_url, other.s3_endpoint_url}
    await contents.write(one)
    await contents.write(other)
    assert await contents.read(one) == contents.kept


async def test_a_second_run_on_a_live_folder_is_refused_unharmed(
    tmp_path: Path, make_stack: MakeStack, contents: Any
) -> None:
    stack = make_stack(tmp_path)
    endpoints = stack.start()
    await contents.write(endpoints)
    with pytest.raises(LocalStackError, match=rf"already running \(process {os.getpid()}\)"):
        make_stack(tmp_path).start()
    assert await contents.read(endpoints) == contents.kept


def test_a_remembered_port_that_somebody_took_is_replaced(tmp_path: Path, make_stack: MakeStack) -> None:
    stack = make_stack(tmp_path)
    before = stack.start()
    stack.stop()
    taken = json.loads((tmp_path / "ports.json").read_text())["valkey"]
    with socket.socket() as somebody:
        somebody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        somebody.bind(("127.0.0.1", taken))
        somebody.listen()
        after = make_stack(tmp_path).start()
    assert after.redis_url != before.redis_url
    assert after.database_url == before.database_url
    assert after.redis_url.endswith(f":{json.loads((tmp_path / 'ports.json').read_text())['valkey']}/0")


def test_a_port_lost_between_choice_and_start_is_replaced(
    tmp_path: Path, make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = make_stack(tmp_path)
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        taken = somebody.getsockname()[1]
        chosen = {"s3": taken, "valkey": taken, "postgres": taken}
        monkeypatch.setattr("venmo_api.local.ports.choose", lambda *_: dict(chosen))
        endpoints = stack.start()
    assert str(taken) not in "".join(endpoints.environment().values())


def test_a_full_disk_is_told_before_anything_starts(tmp_path: Path) -> None:
    stack = Stack(tmp_path, least_free_bytes=2**60)
    with pytest.raises(LocalStackError, match="is full"):
        stack.start()
    assert stack.pids() == {}


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalStackError, match="cannot be used"):
        Stack(tmp_path / "file" / "below").start()


def test_a_server_that_cannot_start_quotes_its_log(tmp_path: Path, make_stack: MakeStack) -> None:
    stack = make_stack(tmp_path)
    stack.start()
    stack.stop()
    (tmp_path / "valkey" / "dump.rdb").write_text("nonsense, and long enough to be read as the head of a dump")
    with pytest.raises(LocalStackError, match=r"valkey stopped at its start(.|\n)*valkey\.log(.|\n)*Wrong signature"):
        make_stack(tmp_path).start()
    assert not list((tmp_path / "run").glob("*.json"))


def _wait_for_death(stack: Stack, name: str) -> None:
    deadline = time.monotonic() + 5
    while stack.exit_codes()[name] is None and time.monotonic() < deadline:
        time.sleep(0.01)
