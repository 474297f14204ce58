"""Shared caches in front of the API: ours, and careless ones such as stand in the world; all of them nginx."""

import asyncio
import json
import os
import re
import string
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.conftest import ROOT, Person
from tests.edges.debian import program, running
from venmo_api.local.ports import free_port

CONNECTIONS = 20
PAGE = "/v1/public/stories"
CHECK = "/v1/auth/check"
# Keeps what it is allowed to, and by what it is asked for: nobody told it of tokens.
CARELESS = string.Template("""
daemon off;
pid $folder/nginx.pid;
error_log stderr crit;
events {}
http {
    access_log $folder/log combined;
    client_body_temp_path $folder/bodies;
    proxy_temp_path $folder/answers;
    proxy_cache_path $folder/kept keys_zone=kept:8m;
    server {
        listen $bind;
        location / {
            proxy_pass http://$api;
            proxy_cache kept;
            proxy_cache_key $$request_uri;
            add_header X-Cache $$upstream_cache_status always;
            $more
        }
    }
}
""")
KEEPS_ALL = "proxy_ignore_headers Cache-Control Expires; proxy_cache_valid any 1m;"
KEEPS_ALL_FOR_ALL = "proxy_ignore_headers Cache-Control Expires Vary; proxy_cache_valid any 1m;"


class Counting:
    """The API, and how often each path of it was asked for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.asked: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.asked[scope["path"]] += 1
        await self._app(scope, receive, send)


@dataclass
class Api:
    """Another process than the one the world's people ask: what is revoked there is known here a little later."""

    port: int
    asked: Counter[str]

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=f"http://127.0.0.1:{self.port}")


@dataclass
class Scene:
    """Alice has paid Carol in private and Bob for all to see; Bob is who must not see more than that."""

    alice: Person
    bob: Person
    carol: Person
    story: str
    secrets: tuple[str, ...]


@dataclass
class Cache:
    """One that runs."""

    port: int
    folder: Path
    client: httpx2.AsyncClient

    def seen_by(self, person: Person) -> Person:
        """The same person, asking through here."""
        return replace(person, client=self.client)

    async def page(self, person: Person, **headers: str) -> httpx2.Response:
        return await self.client.get(PAGE, headers=person.headers | headers)

    def log(self) -> list[str]:
        return (self.folder / "log").read_text().splitlines()

    def found(self) -> Counter[str]:
        """How often the page was in the cache, and how often not."""
        return Counter(json.loads(line)["cache"] for line in self.log())

    def kept(self) -> Iterable[bytes]:
        """Everything that stands on its disk."""
        return (path.read_bytes() for path in self.folder.rglob("*") if path.is_file())


def notes(answer: httpx2.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [story["note"] for story in answer.json()["data"]]


@asynccontextmanager
async def ours(api: int, folder: Path, *left_out: str, **changed: str) -> AsyncIterator[Cache]:
    """deploy/nginx.conf as it is; or without the lines that begin so, or with one text in the place of another."""
    text = (ROOT / "deploy/nginx.conf").read_text()
    for beginning in left_out:
        text, times = re.subn(rf"(?m)^ *{re.escape(beginning)}.*\n", "", text)
        assert times, beginning
    for old, new in changed.items():
        assert old in text
        text = text.replace(old, new)
    port = free_port(avoid={api})
    chosen = {
        "VENMO_CACHE_BIND": f"127.0.0.1:{port}",
        "VENMO_CACHE_API": f"127.0.0.1:{api}",
        "VENMO_CACHE_FRONT": "127.0.0.1",
        "VENMO_CACHE_FOLDER": str(folder),
    }
    for name, value in chosen.items():
        text = text.replace("${" + name + "}", value)
    async with _nginx(text.replace("/dev/stdout", f"{folder}/log"), port, folder) as cache:
        yield cache


@asynccontextmanager
async def careless(api: int, folder: Path, more: str = "") -> AsyncIterator[Cache]:
    port = free_port(avoid={api})
    text = CARELESS.substitute(folder=folder, bind=f"127.0.0.1:{port}", api=f"127.0.0.1:{api}", more=more)
    async with _nginx(text, port, folder) as cache:
        yield cache


@asynccontextmanager
async def _nginx(text: str, port: int, folder: Path) -> AsyncIterator[Cache]:
    nginx = program("nginx", package="nginx")
    await asyncio.to_thread(_write, folder, text)
    as_root: Any = ("-g", "user root;") if os.geteuid() == 0 else ()  # of the folder, which is the tests' own
    argv = (nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), *as_root)
    limits = httpx2.Limits(max_connections=CONNECTIONS)
    async with (
        running(argv, port),
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", limits=limits, timeout=20) as client,
    ):
        yield Cache(port, folder, client)


def _write(folder: Path, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "nginx.conf").write_text(text)
