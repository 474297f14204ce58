"""The page that people read, over a town and over a service; and the verbs that make towns and pages."""

import base64
import re
import shutil
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from tests.analytics.steps import NOON, finding, raised
from tests.conftest import World
from venmo_api.analytics import plots, report
from venmo_api.analytics.plots import CASH, PHONE, Ring
from venmo_api.cli import app as verbs


def silent(_: str) -> None:
    pass


def images(page: str) -> list[bytes]:
    return [base64.b64decode(one) for one in re.findall(r'src="data:image/png;base64,([^"]+)"', page)]


def ensure_whole(page: str, plots_: int) -> None:
    """One file with so many pictures in it, each told in words, that fetches nothing."""
    assert [one[:8] for one in images(page)] == [b"\x89PNG\r\n\x1a\n"] * plots_
    assert len(re.findall(r"<img [^>]*alt=\"[^\"]+\"", page)) == plots_
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//|<script|@import|url\(", page)


def run(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(verbs, ["analytics", *words])
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verbs") / "town"
    told = run("town", str(folder), "--payments", "6000", "--planted", "2", "--seed", "3")
    assert "day 180 of 180" in told
    assert "16 plants" in told
    return folder


def test_a_town_is_made_once(town: Path) -> None:
    assert "name another folder" in run("town", str(town), code=2)


def test_the_detections_are_checked_on_a_town(town: Path, tmp_path: Path) -> None:
    assert "fan_in_mule" in run("check", str(town))
    # What was planted and cannot be found is told, by exit code too.
    blind = tmp_path / "blind"
    shutil.copytree(town, blind)
    for path in (blind / "payments").iterdir():
        rows = pq.read_table(path)
        pq.write_table(rows.set_column(6, "device", pc.multiply(rows["tx_id"], 8)), path)
    assert re.search(r"shared_device +2 +0 +0.000 .*too few", run("check", str(blind), code=1))


def test_a_page_over_a_town_says_what_was_found_of_what_was_planted(town: Path, tmp_path: Path) -> None:
    run("report", "--town", str(town), "--out", str(tmp_path / "report.html"))
    page = (tmp_path / "report.html").read_text()
    ensure_whole(page, 4)
    assert "self-check" in page
    assert "<td>shared device</td><td>2</td><td>2</td><td>1.000</td>" in page


async def test_a_page_over_a_service_says_its_alerts_and_cases(fresh: World) -> None:
    empty = report.written(await report.of_service(fresh.app, silent))
    ensure_whole(empty, 0)
    assert "There are no alerts." in empty
    ann, ben = uuid4(), uuid4()
    await raised(fresh, finding(ann), finding(ben, detector="cycle", at=NOON + timedelta(days=9), amounts=[7_00]))
    page = report.written(await report.of_service(fresh.app, silent))
    ensure_whole(page, 3)
    assert "<td>open</td><td>2</td>" in page
    assert re.search(r"<td>case_[0-9a-f]{32}</td><td>fan out</td><td>1</td><td>2</td><td>1,800.00</td>", page)


def test_the_same_is_drawn_the_same() -> None:
    drawn = [Ring("ring", [(1, 2, 5), (2, 3, 5), (3, 1, 4), (3, CASH, 1), (PHONE, 1, 0)], frozenset({1})), Ring("", [])]
    first, again = (report.image(plots.rings(drawn), "rings") for _ in range(2))
    assert first == again
