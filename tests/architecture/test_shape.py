"""The shape of the sources: where things may stand, how long they may be, and what pure code does not touch."""

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

SOURCE = ROOT / "src/venmo_api"
MODULES = sorted(SOURCE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
FEATURES = (
    "admin",
    "privacy",
    "live",
    "feed",
    "notifications",
    "analytics",
    "archive",
    "operations",
    "statements",
    "sandbox",
    "requests",
    "holds",
    "transfers",
    "wallet",
    "limits",
    "users",
    "auth",
    "ledger",
    "risk",
    "outbox",
    "idempotency",
    "crypto",
    "audit",
    "traffic",
)
VOCABULARY = {"__init__", "router", "schemas", "service", "queries", "models", "rules", "handlers", "jobs"}
# Each names a real thing of its feature; a new one needs a name as good, and a place in the import contracts.
THINGS = {
    "admin": {"case_router", "case_schemas", "dossiers", "reviews", "risk_router", "risk_schemas", "staff"},
    "analytics": {
        "alerts",
        "boosting",
        "case_files",
        "cases",
        "compliance",
        "detections",
        "engines",
        "evaluation",
        "evidence",
        "folds",
        "inputs",
        "labelled",
        "learning",
        "lessons",
        "model_report",
        "plants",
        "plots",
        "report",
        "scores",
        "shelves",
        "signals",
        "spark",
        "spark_source",
        "town",
        "truth",
        "twin",
        "training",
        "typologies",
        "windows",
    },
    "archive": {
        "buckets",
        "catalog",
        "checks",
        "cold",
        "columns",
        "compaction",
        "evidence",
        "export",
        "files",
        "governance",
        "held",
        "legal",
        "histories",
        "notes",
        "partitions",
        "past",
        "payments",
        "postings",
        "proof",
        "restore_rules",
        "restores",
        "snapshot",
        "sources",
        "tiers",
        "trail",
        "verdicts",
    },
    "auth": {
        "actor",
        "addresses",
        "challenges",
        "contacts",
        "devices",
        "factor_router",
        "factor_schemas",
        "factors",
        "guesses",
        "notices",
        "passkeys",
        "password_rules",
        "passwords",
        "proofs",
        "sessions",
        "step_up",
        "throttles",
        "tokens",
        "totp",
        "undo",
    },
    "crypto": {"envelope", "keyring", "veil"},
    "feed": {
        "act_rules",
        "acts_router",
        "acts_schemas",
        "cache",
        "comments",
        "documents",
        "parameters",
        "public_router",
        "reactions",
        "reports",
        "scripts",
        "stories",
        "timelines",
    },
    "ledger": {"book", "history"},
    "live": {"hub", "stream"},
    "notifications": {"notices", "sentences"},
    "outbox": {"relay"},
    "requests": {"splits"},
    "risk": {"counters", "decisions", "desk", "features", "labels", "lists", "model", "registry", "scorer", "shadows"},
    "statements": {"csv_file", "pdf"},
    "transfers": {
        "approvals",
        "claims",
        "funding",
        "parts",
        "payees",
        "refunds",
        "returns",
        "review_rules",
        "reviews",
        "strangers",
    },
    "users": {"blocks", "friend_router", "friends"},
    "wallet": {"asking", "cash_outs", "rehearsal", "top_ups"},
}
NAMELESS = {"utils", "util", "helpers", "helper", "common", "base", "manager", "managers", "misc", "lib", "shared"}
PURE = [
    *(SOURCE / "core").glob("*.py"),
    *SOURCE.glob("*/rules.py"),
    SOURCE / "archive/restore_rules.py",
    SOURCE / "auth/guesses.py",
    SOURCE / "auth/proofs.py",
    SOURCE / "crypto/envelope.py",
    SOURCE / "crypto/veil.py",
    SOURCE / "auth/password_rules.py",
    SOURCE / "feed/act_rules.py",
    SOURCE / "ledger/book.py",
    SOURCE / "risk/counters.py",
    SOURCE / "risk/desk.py",
    SOURCE / "risk/features.py",
    SOURCE / "notifications/notices.py",
    SOURCE / "notifications/sentences.py",
    SOURCE / "transfers/parts.py",
    SOURCE / "transfers/payees.py",
    SOURCE / "transfers/returns.py",
    SOURCE / "transfers/review_rules.py",
]
LONGEST_FUNCTION, LONGEST_FILE = 60, 400
IMPURE_MODULES = {
    "random",
    "secrets",
    "time",
    "os",
    "sys",
    "io",
    "socket",
    "pathlib",
    "asyncio",
    "threading",
    "logging",
}
IMPURE_CALLS = {"now", "utcnow", "today", "uuid1", "uuid4", "uuid7", "getenv", "open", "print", "input", "monotonic"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def trees(paths: list[Path]) -> Iterator[tuple[Path, ast.Module]]:
    for path in paths:
        yield path, ast.parse(path.read_text())


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_is_made_of_the_same_few_files(feature: str) -> None:
    files = {path.stem for path in (SOURCE / feature).rglob("*.py")}
    assert files <= VOCABULARY | THINGS.get(feature, set())


def test_every_folder_is_a_feature_or_what_features_stand_on() -> None:
    folders = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
    assert folders == {*FEATURES, "http", "adapters", "core", "commands", "local"}


def test_the_ledger_has_no_router() -> None:
    assert not (SOURCE / "ledger/router.py").exists()


def test_nothing_is_called_by_a_name_that_says_nothing() -> None:
    named = [path for path in [*MODULES, *TESTS] for part in (path.stem, path.parent.name) if part.lower() in NAMELESS]
    assert named == []
    classes = [
        (name(path), node.name)
        for path, tree in trees(MODULES)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and re.search(r"(Manager|Helper|Utils?|Processor)$", node.name)
    ]
    assert classes == []


def test_functions_are_the_verb_of_the_domain() -> None:
    vague = [
        (name(path), function.name)
        for path, tree in trees(MODULES)
        for function in functions(tree)
        if function.name.lstrip("_").startswith(("process_", "handle_", "do_"))
    ]
    assert vague == []


def test_functions_are_short() -> None:
    long = [
        (name(path), function.name, (function.end_lineno or 0) - function.lineno + 1)
        for path, tree in trees([*MODULES, *TESTS])
        for function in functions(tree)
        if (function.end_lineno or 0) - function.lineno + 1 >= LONGEST_FUNCTION
    ]
    assert long == []


def test_files_are_short() -> None:
    long = [
        (name(path), size)
        for path in [*MODULES, *TESTS]
        if (size := len(path.read_text().splitlines())) >= LONGEST_FILE
    ]
    assert long == []


def test_every_module_opens_by_saying_what_lives_in_it() -> None:
    silent = [
        name(path)
        for path, tree in trees([*MODULES, *(test for test in TESTS if test.read_text().strip())])
        if not ast.get_docstring(tree)
    ]
    assert silent == []


def test_pure_modules_ask_neither_the_clock_nor_chance_nor_the_system() -> None:
    touched: list[tuple[str, int, str]] = []
    for path, tree in trees(PURE):
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found = {alias.name.partition(".")[0] for alias in node.names} & IMPURE_MODULES
            elif isinstance(node, ast.ImportFrom):
                found = {(node.module or "").partition(".")[0]} & IMPURE_MODULES
                found |= {alias.name for alias in node.names} & IMPURE_CALLS
            elif isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                found = {called} & IMPURE_CALLS
            elif isinstance(node, ast.AsyncFunctionDef):
                found = {"async"}
            else:
                continue
            touched += [(name(path), node.lineno, what) for what in found]
    assert touched == []


def test_time_and_ids_come_from_adapters_only() -> None:
    allowed = {"adapters/system.py", "adapters/redis.py", "http/middleware.py"}
    asked = [
        (name(path), node.lineno)
        for path, tree in trees(
            [path for path in MODULES if path.parent.name in (*FEATURES, "http", "adapters", "core", "commands")]
        )
        if str(path.relative_to(SOURCE)) not in allowed
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and (
            (
                node.func.attr in ("now", "utcnow", "today")
                and getattr(node.func.value, "id", "") in ("datetime", "date")
            )
            or node.func.attr in ("uuid1", "uuid4", "uuid7")
        )
    ]
    assert asked == []


def test_features_share_tables_by_name_only() -> None:
    related = [
        name(path)
        for path, tree in trees(MODULES)
        for node in ast.walk(tree)
        if getattr(node, "id", "") == "relationship"
    ]
    assert related == []


def committed() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    return [ROOT / line for line in listed.stdout.split("\0") if line and (ROOT / line).is_file()]


def test_no_file_names_a_registry_or_a_place_on_one_machine() -> None:
    hosts = ["pypi" + r"\.org/simple", r"files\.python" + "hosted", r"registry\.npm" + "js", "art" + "ifactory"]
    options = ["--(?:extra-)?index" + "-url", "--trusted" + "-host", "--find" + "-links"]
    places = [r"(?<![\w.])/(?:ho" + r"me|Us" + r"ers)/\w+/", r"(?<![\w./])/ro" + r"ot/", r"(?<![\w./}])/wo" + r"rk/"]
    pattern = re.compile("|".join([*hosts, *options, *places]))
    found = []
    for path in committed():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{name(path)}: {match.group()}" for match in pattern.finditer(text)]
    assert found == []
    assert len(committed()) > 100


def test_no_file_names_this_machines_own_registry() -> None:
    mine = {value for key, value in os.environ.items() if key.upper().endswith(("INDEX_URL", "GOPROXY", "REGISTRY"))}
    hosts = {host for value in mine for host in re.findall(r"https?://(?:[^@/]*@)?([^/:,]+)", value)}
    texts = {path: path.read_bytes() for path in committed()}
    assert [(name(path), host) for path, text in texts.items() for host in hosts if host.encode() in text] == []
