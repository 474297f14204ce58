"""The CSV file: Venmo's columns, read back by a CSV parser, and nothing in it a spreadsheet would run."""

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.statements.test_rules import ALICE, NOVEMBER, lines, statement
from venmo_api.statements import csv_file
from venmo_api.statements.csv_file import COLUMNS, DISCLAIMER, defused
from venmo_api.statements.rules import Line, LineType, Statement

HEADER = (
    ",ID,Datetime,Type,Status,Note,From,To,Amount (total),Amount (tip),Amount (tax),Amount (fee),Tax Rate,Tax Exempt,"
    "Funding Source,Destination,Beginning Balance,Ending Balance,Statement Period Venmo Fees,Terminal Location,"
    "Year to Date Venmo Fees,Disclaimer"
)
FORMULAS = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\u00a0=1", "'=1", '"=1', "“=1", " ' =1", "＝1+1",
    "＋1", "－1", "＠x", "−1", "\u200b=1", "\ufeff=1", "=HYPERLINK(\"http://x\",\"y\")", "|calc", "%0A=1", "\u3000＝1",
    "﹦1", "＂=1",
]  # fmt: skip
HARMLESS = ["pizza 🍕", "a=b", "1-2", "me@example.com", "", " ", "'quoted'", "(paid)", "5% tip", "日本", "«dinner»"]


def rows(made: Statement) -> list[list[str]]:
    return list(csv.reader(io.StringIO(csv_file.encode(made).decode("utf-8-sig"), newline=""), strict=True))


def test_it_has_venmos_rows_and_columns() -> None:
    paid = Line(
        "tr_1", LineType.PAYMENT, NOVEMBER.start, -1250, 123456 - 1250, fee=20, note='pizza, "big"', sender="Alice",
        recipient="Bob", funding_source="Venmo balance",
    )  # fmt: skip
    made = Statement(ALICE, NOVEMBER, 123456, (paid,), 122206, 4200)
    raw = csv_file.encode(made)
    assert raw.startswith(b"\xef\xbb\xbfAccount Statement - (@alice),")
    assert raw.count(b"\r\n") == 6
    title, activity, header, opening, line, closing = rows(made)
    assert (title[0], activity[0], ",".join(header)) == ("Account Statement - (@alice)", "Account Activity", HEADER)
    assert {len(row) for row in rows(made)} == {22}
    assert {name: cell for name, cell in zip(COLUMNS, opening, strict=True) if cell} == {
        "Beginning Balance": "$1,234.56"
    }
    assert {name: cell for name, cell in zip(COLUMNS, line, strict=True) if cell} == {
        "ID": "tr_1",
        "Datetime": "2026-11-01T00:00:00",
        "Type": "Payment",
        "Status": "Complete",
        "Note": 'pizza, "big"',
        "From": "Alice",
        "To": "Bob",
        "Amount (total)": "- $12.50",
        "Amount (fee)": "$0.20",
        "Funding Source": "Venmo balance",
        "Terminal Location": "Venmo",
    }
    assert {name: cell for name, cell in zip(COLUMNS, closing, strict=True) if cell} == {
        "Ending Balance": "$1,222.06",
        "Statement Period Venmo Fees": "$0.20",
        "Year to Date Venmo Fees": "$42.00",
        "Disclaimer": DISCLAIMER,
    }


@given(opening=st.integers(0, 10**9), moved=st.lists(st.integers(-(10**9), 10**9).filter(bool), max_size=9))
def test_the_amounts_read_back_make_the_closing_balance(opening: int, moved: list[int]) -> None:
    made = statement(opening, lines(opening, moved), opening + sum(moved))

    def cents(cell: str) -> int:
        return int(cell.replace("+", "").replace(" ", "").replace("$", "").replace(",", "").replace(".", ""))

    _, _, header, first, *body, last = rows(made)
    total = sum(cents(row[header.index("Amount (total)")]) for row in body)
    assert cents(first[header.index("Beginning Balance")]) + total == cents(last[header.index("Ending Balance")])


@pytest.mark.parametrize("text", FORMULAS, ids=ascii)
def test_what_could_be_a_formula_is_text(text: str) -> None:
    assert defused(text) == "'" + text


@pytest.mark.parametrize("text", HARMLESS, ids=ascii)
def test_what_could_not_stays_as_it_is(text: str) -> None:
    assert defused(text) == text


@given(st.text(), st.text())
def test_every_text_reads_back_and_never_begins_a_formula(note: str, name: str) -> None:
    [paid] = lines(0, [5])
    made = statement(0, (replace(paid, note=note, sender=name, recipient=name, destination=name),), 5)
    row = dict(zip(COLUMNS, rows(made)[4], strict=True))
    assert row["Note"] in (note, "'" + note)
    for cell in (row["Note"], row["From"], row["To"], row["Destination"]):
        assert cell.strip()[:1] not in set("=+-@＝＋－＠")
