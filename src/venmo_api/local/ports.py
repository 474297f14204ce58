"""Loopback ports: free ones chosen once and remembered in the stack's folder."""

import json
import random
import socket
from collections.abc import Collection, Iterable
from pathlib import Path

from venmo_api.local.errors import LocalStackError
from venmo_api.local.processes import write_whole

# Below the ports the system lends to outgoing connections, so a remembered port is rarely taken by one.
CHOICES = range(15_000, 30_000)
ATTEMPTS = 200


def choose(file: Path, names: Iterable[str]) -> dict[str, int]:
    """A free port for each name: the remembered one when nobody else listens there."""
    old = remembered(file)
    ports: dict[str, int] = {}
    for name in names:
        port = old.get(name)
        ports[name] = port if port and is_free(port) else free_port(avoid={*old.values(), *ports.values()})
    remember(file, ports)
    return ports


def remember(file: Path, ports: dict[str, int]) -> None:
    write_whole(file, json.dumps(ports, indent=2) + "\n")


def free_port(*, avoid: Collection[int]) -> int:
    for port in random.sample(CHOICES, ATTEMPTS):
        if port not in avoid and is_free(port):
            return port
    raise LocalStackError(f"No free port was found on 127.0.0.1 between {CHOICES.start} and {CHOICES.stop}.")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # A port whose last connections are merely winding down counts as free, as it does for the servers.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def remembered(file: Path) -> dict[str, int]:
    """The ports chosen before, by name; none when there is no such file or it is not ours."""
    try:
        content = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {name: port for name, port in content.items() if isinstance(port, int) and port in CHOICES}
