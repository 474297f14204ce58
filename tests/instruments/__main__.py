"""``make instruments``: tools nobody here wrote look at the document and the sources; what they find, and a summary.

``python -m tests.instruments NAME ...`` runs only those named.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.instruments.document import document

ROOT = Path(__file__).parents[2]
HERE = ROOT / "tests/instruments"
FOLDER = ROOT / ".instruments"
BIN = Path(sys.executable).parent
HASHES = r"^(requirements.*\.lock|tests/instruments/package-lock\.json)$"
"""Of packages, by which they are known to be the right ones."""
FOUND = 1
"""The exit code of a tool that looked and found something."""
COULD_NOT_LOOK = 2
WORD, URL = "Secret Keyword", "Basic Auth Credentials"
RANDOM, HEX = "Base64 High Entropy String", "Hex High Entropy String"
# What detect-secrets takes for a secret and is none: files, the kind of finding, why.
NO_SECRETS = (
    (r"tests/.*", WORD, "passwords of people that a test makes up; keys are made anew in each run"),
    (r"tests/test_settings\.py", URL, "URLs that production must refuse"),
    (
        r"README\.md|docs/identity\.md|bench/people\.py|src/venmo_api/welcome\.py",
        WORD,
        "the password of an example's person",
    ),
    (r"docker-compose\.yml|src/venmo_api/local/stack\.py", f"{WORD}|{URL}", "servers on the loopback of a laptop"),
    (r"src/venmo_api/(audit|notifications)/rules\.py", WORD, "names of acts, and of kinds of news"),
    (r"src/venmo_api/(auth|users)/schemas\.py|docs/sandbox\.md", f"{RANDOM}|{HEX}", "examples of a token, of a hash"),
    (r"tests/(adapters|crypto|notifications)/.*", HEX, "tokens that are nobody's; a vector of FIPS 197"),
)


class CannotLook(Exception):
    """What an instrument runs on is not installed."""


def spectral() -> list[str]:
    """Spectral with its own rules and those of OWASP; warnings count too."""
    _npm()
    words = ["lint", "openapi.json", "-r", "spectral.yaml", "-f", "json", "--fail-severity", "hint", "--quiet"]
    found = json.loads(_out([FOLDER / "node_modules/.bin/spectral", *words], cwd=FOLDER))
    return [f"{one['code']}: {one['message']} ({'.'.join(map(str, one['path']))})" for one in found]


def redocly() -> list[str]:
    """Redocly, recommended-strict."""
    _npm()
    words = ["lint", "openapi.json", "--config", "redocly.yaml", "--format", "json"]
    found = json.loads(_out([FOLDER / "node_modules/.bin/redocly", *words], cwd=FOLDER))
    return [f"{one['ruleId']}: {one['message']} ({one['location'][0]['pointer']})" for one in found["problems"]]


def bandit() -> list[str]:
    """Bandit, medium and high."""
    words = ["-q", "-r", "src", "migrations", "bench", "-ll", "-f", "json", "-c", HERE / "bandit.yaml"]
    found = json.loads(_out([BIN / "bandit", *words], cwd=ROOT))
    return [
        f"{one['test_id']} {one['issue_severity']}: {one['filename']}:{one['line_number']} {one['issue_text']}"
        for one in found["results"]
    ]


def secrets() -> list[str]:
    """Detect-secrets, over every file that is committed or could be."""
    listed = _out(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT)
    files = [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    found = json.loads(_out([BIN / "detect-secrets", "scan", "--exclude-files", HASHES, *files], cwd=ROOT))
    return [
        f"{one['type']}: {name}:{one['line_number']}"
        for name, ones in found["results"].items()
        for one in ones
        if not any(re.fullmatch(file, name) and re.fullmatch(kind, one["type"]) for file, kind, _ in NO_SECRETS)
    ]


INSTRUMENTS: dict[str, Callable[[], list[str]]] = {
    "spectral": spectral,
    "redocly": redocly,
    "bandit": bandit,
    "detect-secrets": secrets,
}


def _npm() -> None:
    """The linters from npm, installed once for each lock, and the document as it is now. Raises CannotLook."""
    if missing := [name for name in ("node", "npm") if shutil.which(name) is None]:
        raise CannotLook(
            f"spectral and redocly are programs for Node.js, and there is no {' and no '.join(missing)} here. "
            "Install Node.js 20 or newer with npm, or name others: python -m tests.instruments bandit detect-secrets"
        )
    FOLDER.mkdir(exist_ok=True)
    for name in ("package.json", "spectral.yaml", "redocly.yaml"):
        shutil.copy(HERE / name, FOLDER)
    (FOLDER / "openapi.json").write_text(json.dumps(document(), indent=1))
    lock = (HERE / "package-lock.json").read_text()
    installed = FOLDER / "node_modules/.lock"
    if installed.exists() and installed.read_text() == lock:
        return
    shutil.copy(HERE / "package-lock.json", FOLDER)
    words = ["npm", "ci", "--omit-lockfile-registry-resolved", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(words, cwd=FOLDER, check=True, capture_output=True)
    installed.write_text(lock)


def _out(words: list[str | Path], *, cwd: Path) -> str:
    """What a tool prints; it may exit with 1 for what it found. Raises RuntimeError when it could not look."""
    ran = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    if ran.returncode not in (0, FOUND):
        raise RuntimeError(f"{words[0]} ended with {ran.returncode}: {ran.stderr.strip() or ran.stdout.strip()}")
    return ran.stdout


def main(names: list[str]) -> int:
    total = 0
    for name in names or INSTRUMENTS:
        try:
            found = INSTRUMENTS[name]()
        except CannotLook as missing:
            print(missing, file=sys.stderr)
            return COULD_NOT_LOOK
        total += len(found)
        print(f"{name}: {len(found)} found")
        for one in found:
            print(f"  {one}")
    print("nothing found" if total == 0 else f"{total} found")
    return min(total, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
