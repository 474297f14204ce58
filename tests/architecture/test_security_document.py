"""Every test that docs/security.md names is there: a promise whose proof was renamed or removed is noticed."""

import ast
import re
from pathlib import Path

from tests.conftest import ROOT

DOCUMENT = ROOT / "docs/security.md"
NAMED = re.compile(r"`([\w/]+\.py)::(\w+|\*)`")
WITHOUT = {"test", "---", "nothing to test", "none"}
LINKS = re.compile(r"\]\(([\w/.-]+\.md)\)")


def missing(text: str) -> list[str]:
    """The tests named in ``text`` that no file has; ``*`` stands for any test of the file."""
    return [f"{file}::{test}" for file, test in NAMED.findall(text) if not _has(ROOT / "tests" / file, test)]


def _has(file: Path, test: str) -> bool:
    if not file.is_file():
        return False
    found = {node.name for node in ast.walk(ast.parse(file.read_text())) if hasattr(node, "name")}
    return test in found or (test == "*" and any(name.startswith("test_") for name in found))


def test_every_test_the_document_names_is_there() -> None:
    text = DOCUMENT.read_text()
    assert missing(text) == []
    assert len(NAMED.findall(text)) > 50


def test_every_row_names_a_test_or_says_why_not() -> None:
    _, tables = DOCUMENT.read_text().split("## What has happened", maxsplit=1)
    proofs = [line.split("|")[-2].strip() for line in tables.splitlines() if line.startswith("|")]
    assert [proof for proof in proofs if not (NAMED.search(proof) or proof in WITHOUT)] == []


def test_every_document_it_leads_to_is_there() -> None:
    assert [name for name in LINKS.findall(DOCUMENT.read_text()) if not (DOCUMENT.parent / name).is_file()] == []


def test_a_test_that_is_not_there_is_noticed() -> None:
    assert missing("`auth/test_tokens.py::test_nothing_of_the_kind`") == [
        "auth/test_tokens.py::test_nothing_of_the_kind"
    ]
    assert missing("`auth/test_no_such_file.py::*`") == ["auth/test_no_such_file.py::*"]
