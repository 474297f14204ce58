"""A tool that could not look has not found nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.instruments.__main__ import COULD_NOT_LOOK, ROOT, _out


def test_a_tool_that_broke_is_no_tool_that_found_nothing(tmp_path: Path) -> None:
    said = "import sys; print('[]'); print('no rules', file=sys.stderr); sys.exit({})"
    assert _out([sys.executable, "-c", said.format(1)], cwd=tmp_path) == "[]\n"
    with pytest.raises(RuntimeError, match="ended with 2: no rules"):
        _out([sys.executable, "-c", said.format(2)], cwd=tmp_path)


@pytest.mark.parametrize("name", ["spectral", "redocly"])
def test_without_node_a_sentence_says_so(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.instruments", name]
    ran = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (COULD_NOT_LOOK, "")
    assert ran.stderr.startswith("spectral and redocly are programs for Node.js, and there is no node and no npm here.")
    assert len(ran.stderr.splitlines()) == 1
