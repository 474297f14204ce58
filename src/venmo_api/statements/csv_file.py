"""A statement as CSV, column for column as Venmo exports it, safe to open in a spreadsheet."""

import codecs
import csv
import io
import unicodedata

from venmo_api.core.money import dollars
from venmo_api.statements.rules import PRODUCT, Line, Statement, signed

COLUMNS = (
    "",
    "ID",
    "Datetime",
    "Type",
    "Status",
    "Note",
    "From",
    "To",
    "Amount (total)",
    "Amount (tip)",
    "Amount (tax)",
    "Amount (fee)",
    "Tax Rate",
    "Tax Exempt",
    "Funding Source",
    "Destination",
    "Beginning Balance",
    "Ending Balance",
    "Statement Period Venmo Fees",
    "Terminal Location",
    "Year to Date Venmo Fees",
    "Disclaimer",
)
DISCLAIMER = (
    "Times are UTC. Amounts are in US dollars and have the fee in them. Beginning balance and amounts make the ending "
    "balance; what is still pending or on hold is not in it."
)
# What spreadsheets begin a formula with (OWASP, CSV injection), in the forms NFKC leaves apart too.
_FORMULA = frozenset("=+-@\u2212|%")
_QUOTES = frozenset("'\"`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a\u02bc\uff02\uff07")


def encode(statement: Statement) -> bytes:
    """The file. It opens with a byte order mark: without one Excel reads UTF-8 as the system's code page, and every
    emoji and accent is garbled. The mark falls into the title row, so no column gets another name by it."""
    held = io.StringIO(newline="")
    rows = csv.writer(held, lineterminator="\r\n")
    rows.writerow(_padded(f"Account Statement - (@{statement.owner.username})"))
    rows.writerow(_padded("Account Activity"))
    rows.writerow(COLUMNS)
    rows.writerow(_row({"Beginning Balance": dollars(statement.opening)}))
    rows.writerows(_row(_cells(line)) for line in statement.lines)
    rows.writerow(
        _row(
            {
                "Ending Balance": dollars(statement.closing),
                "Statement Period Venmo Fees": dollars(statement.fees),
                "Year to Date Venmo Fees": dollars(statement.year_to_date_fees),
                "Disclaimer": DISCLAIMER,
            }
        )
    )
    return codecs.BOM_UTF8 + held.getvalue().encode()


def defused(text: str) -> str:
    """Free text that no spreadsheet takes for a formula: with an apostrophe before it, if it could be one."""
    if text[:1] in ("\t", "\r", "\n"):
        return "'" + text
    for character in text:
        if character.isspace() or character in _QUOTES or unicodedata.category(character) in ("Cf", "Cc"):
            continue
        return "'" + text if unicodedata.normalize("NFKC", character)[:1] in _FORMULA else text
    return text


def _cells(line: Line) -> dict[str, str]:
    return {
        "ID": line.id,
        "Datetime": line.at.strftime("%Y-%m-%dT%H:%M:%S"),
        "Type": line.type,
        "Status": line.status,
        "Note": defused(line.note),
        "From": defused(line.sender),
        "To": defused(line.recipient),
        "Amount (total)": signed(line.amount),
        "Amount (fee)": dollars(line.fee) if line.fee else "",
        "Funding Source": defused(line.funding_source),
        "Destination": defused(line.destination),
        "Terminal Location": PRODUCT,
    }


def _row(cells: dict[str, str]) -> list[str]:
    return [cells.get(column, "") for column in COLUMNS]


def _padded(title: str) -> list[str]:
    return [title] + [""] * (len(COLUMNS) - 1)
