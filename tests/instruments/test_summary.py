"""A tool that could not look has not found nothing."""

import sys
from pathlib import Path

import pytest

from tests.instruments.__main__ import _out


def test_a_tool_that_broke_is_no_tool_that_found_nothing(tmp_path: Path) -> None:
    said = "import sys; print('[]'); print('no rules', file=sys.stderr); sys.exit({})"
    assert _out([sys.executable, "-c", said.format(1)], cwd=tmp_path) == "[]\n"
    with pytest.raises(RuntimeError, match="ended with 2: no rules"):
        _out([sys.executable, "-c", said.format(2)], cwd=tmp_path)
