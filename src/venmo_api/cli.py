"""``venmo-api ...``: every operator verb."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
import uvicorn
from pydantic import ValidationError

from venmo_api import laptop, logs, schema, worker
from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.signing import read_or_create
from venmo_api.main import adapters
from venmo_api.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False)
T = TypeVar("T")


LocalDir = Annotated[Path, typer.Option(help="the folder of the local stack")]
Port = Annotated[int, typer.Option(min=1, max=65535)]


@app.command()
def run(port: Port = 8000, local_dir: LocalDir = Path(".local")) -> None:
    """Start everything on this machine: Postgres, Valkey, S3, the API and the worker."""
    raise typer.Exit(laptop.run(port, local_dir))


@app.command()
def serve(host: str = "127.0.0.1", port: int = 8000, processes: Annotated[int, typer.Option(min=1)] = 1) -> None:
    """Serve the API over the servers named in VENMO_* variables."""
    settings = _settings()
    uvicorn.run(
        "venmo_api.main:app",
        factory=True,
        host=host,
        port=port,
        workers=processes,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=20,
        backlog=2048,
        log_level=settings.log_level.lower(),
    )


@app.command("worker")
def run_worker() -> None:
    """Deliver events and run scheduled jobs."""
    settings = _settings()
    logs.configure(settings.log_level)
    asyncio.run(worker.run(adapters(settings)))


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema; make the archive's bucket and the signing key if they are not there."""
    settings = _settings()
    schema.upgrade(settings.database_url)
    if settings.signing_key_file is not None:
        read_or_create(settings.signing_key_file)
    _with_adapters(settings, lambda held: held.objects.ensure_bucket())
    typer.echo("schema and bucket are ready")


@app.command("new-signing-key")
def new_signing_key(file: Path) -> None:
    """Make a signing key in FILE, unless there is one."""
    read_or_create(file)


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        for item in error.errors():
            name = "VENMO_" + "_".join(str(part) for part in item["loc"]).upper() if item["loc"] else "settings"
            typer.secho(f"{name}: {item['msg']}", err=True, fg="red")
        raise typer.Exit(2) from None


def _with_adapters(settings: Settings, work: Callable[[Adapters], Awaitable[T]]) -> T:
    async def run() -> T:
        held = adapters(settings)
        try:
            return await work(held)
        finally:
            await held.close()

    return asyncio.run(run())
