"""Schemathesis against a running API: every check, as a person who is signed in, with a stranger asking after each."""

import os
import re
from pathlib import Path

from tests.conftest import World
from tests.instruments import fuzzing

LONG = os.environ.get("VENMO_FUZZ") == "long"
SEEDS = (int(os.environ["SEED"]),) if os.environ.get("SEED") else (1, 2, 3) if LONG else (1,)
EXAMPLES = 30 if LONG else 1
PHASES = "examples,coverage,fuzzing,stateful" if LONG else "examples,fuzzing,stateful"
CASES_LEAST = 5_000 if LONG else 200


async def test_nothing_answers_otherwise_than_the_document_says(fresh: World, tmp_path: Path) -> None:
    settings = {
        "VENMO_DATABASE_URL": fresh.app.database.engine.url.render_as_string(hide_password=False),
        "VENMO_REDIS_URL": os.environ["VENMO_REDIS_URL"].rsplit("/", 1)[0] + "/15",
    }
    async with fuzzing.serving(tmp_path, **settings) as url:
        identities = await fuzzing.people(url, tmp_path)
        fuzzing.employ(**settings)
        cases = 0
        for seed in SEEDS:
            for user in ("alice", fuzzing.STAFF):
                held, said = fuzzing.fuzz(
                    url, identities=identities, user=user, seed=seed, phases=PHASES, examples=EXAMPLES, folder=tmp_path
                )
                print(said)
                assert held, said + (tmp_path / "api.log").read_text()[-5000:]
                cases += int(re.search(r"(\d+) generated", said)[1])
    print(f"{cases} cases, seeds {SEEDS}: 0 failures")
    assert cases >= CASES_LEAST
