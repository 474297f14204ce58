"""A program under test: supervises a stack and one child.   supervised.py FOLDER CHILD-ARGV..."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from venmo_api.local.stack import Endpoints, Stack
from venmo_api.local.supervisor import Child, supervise

folder = Path(sys.argv[1])
stack = Stack(folder, throwaway=True)


def children(endpoints: Endpoints) -> Sequence[Child]:
    return [Child("app", sys.argv[2:], endpoints.environment(), folder / "logs" / "app.log", stop_seconds=5)]


def tell(_endpoints: Endpoints) -> None:
    print("ready", *stack.pids().values(), flush=True)


def prepare(_endpoints: Endpoints) -> None:
    print("supervisor", os.getpid(), flush=True)


sys.exit(supervise(stack, children, on_ready=tell, prepare=prepare))
