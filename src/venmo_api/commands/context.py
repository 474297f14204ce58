"""What verbs stand on: settings, the servers, the adapters, and how they say no."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer
from pydantic import ValidationError

from venmo_api import laptop
from venmo_api.adapters.bundle import Adapters
from venmo_api.core.errors import AppError
from venmo_api.local.stack import LocalStackError
from venmo_api.main import adapters
from venmo_api.sandbox import service as sandbox
from venmo_api.settings import Settings

T = TypeVar("T")
OptionalLocalDir = Annotated[Path | None, typer.Option(help="the local stack; without, VENMO_* name the servers")]


@contextmanager
def servers(local_dir: Path | None) -> Iterator[None]:
    """Those of the local stack, or without a folder those named in the environment."""
    try:
        with laptop.servers(local_dir) if local_dir else nullcontext():
            yield
    except LocalStackError as error:
        fail(str(error))


def fail(sentence: str) -> NoReturn:
    """End with exit code 1 and why."""
    typer.secho(sentence, err=True, fg="red")
    raise typer.Exit(1) from None


def configured() -> Settings:
    """From the environment; what is wrong there is told, and exit code 2."""
    try:
        return Settings()
    except ValidationError as error:
        for item in error.errors():
            name = "VENMO_" + "_".join(str(part) for part in item["loc"]).upper() if item["loc"] else "settings"
            typer.secho(f"{name}: {item['msg']}", err=True, fg="red")
        raise typer.Exit(2) from None


def with_adapters(settings: Settings, work: Callable[[Adapters], Awaitable[T]]) -> T:
    """What ``work`` returns; a refusal is told, and exit code 1."""

    async def run() -> T:
        try:
            held = adapters(settings)
        except (OSError, ValueError) as error:  # the signing key
            fail(str(error))
        try:
            async with sandbox.following(held):
                return await work(held)
        finally:
            await held.close()

    try:
        return asyncio.run(run())
    except AppError as error:
        fail(error.detail)


def with_inputs(folder: Path | None) -> Path | None:
    """A folder with inputs of detections, if one is named: of none at all they would find nothing, and say so."""
    if folder is not None and not all(any((folder / name).glob("*.parquet")) for name in ("payments", "accounts")):
        raise typer.BadParameter(f"no inputs lie in {folder}; `venmo-api analytics town` makes some")
    return folder


def moment(text: str, held: Adapters) -> datetime:
    """`now`, or an ISO 8601 moment with its offset."""
    if text == "now":
        return held.clock.now()
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = datetime.min  # noqa: DTZ901 - refused below
    if found.tzinfo is None:
        raise typer.BadParameter("give `now`, or an ISO 8601 moment with its offset: 2026-11-01T00:00:00+00:00")
    return found
