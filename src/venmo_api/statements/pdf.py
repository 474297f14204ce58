"""A statement as PDF, to print and to keep. The same statement always makes the same bytes.

Text is set in Noto Sans (SIL Open Font License), which has Latin, Greek, Cyrillic and Devanagari. Of anything else the
reader is told that it stood there: symbols and emoji by their Unicode name in brackets, letters of other scripts by
the replacement character. Combined letters of Devanagari are set apart. JSON and CSV carry every character.
"""

import io
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache, partial
from importlib.resources import as_file, files
from typing import Any
from xml.sax.saxutils import escape

from reportlab.graphics.shapes import Drawing, Line, Polygon, PolyLine, String
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate, Paragraph, Spacer, Table, TableStyle

from venmo_api.core.money import dollars
from venmo_api.statements import rules
from venmo_api.statements.rules import PRODUCT, Statement, signed

FONT = "NotoSans"
UNKNOWN = "\ufffd"
TEXT_MOST = 600
"""Characters of a note that are set; longer ones end in an ellipsis, so that a row always fits on a page."""
MARGIN = 18 * mm
WIDTH = LETTER[0] - 2 * MARGIN
COLUMNS = (0, 31 * mm, 60 * mm, WIDTH - 26 * mm, WIDTH)
"""Where each begins; the last two, amounts, where they end."""
TEXT, LEADING, HEADING = 8, 10.5, 7 * mm
CHART_HEIGHT = 34 * mm
BARE = (0, 0, 0, 0)
"""No padding."""
INK, MUTED, BLUE, WASH, RULE = (HexColor(c) for c in ("#1f2933", "#66727f", "#0074de", "#eef5fc", "#d5dce3"))
"""Blue, and its wash under the chart."""


def render(statement: Statement) -> bytes:
    """The file. Takes up to some seconds of CPU for the longest statements."""
    _font()
    held = io.BytesIO()
    title = f"{PRODUCT} statement of @{statement.owner.username}, {_period(statement)}"
    document = BaseDocTemplate(
        held,
        pagesize=LETTER,
        invariant=1,
        title=title,
        author=PRODUCT,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
    )
    height = LETTER[1] - 2 * MARGIN
    first, later = (Frame(MARGIN, MARGIN, WIDTH, height - taken, *BARE) for taken in (0, HEADING))
    document.addPageTemplates(
        [
            PageTemplate("first", [first], autoNextPageTemplate="later"),
            PageTemplate("later", [later], onPage=_later_page),
        ]
    )
    document.build([*_head(statement), *_table(statement)], canvasmaker=partial(_Numbered, footer=title))
    return held.getvalue()


def legible(text: str) -> str:
    """``text`` in characters the font has; what it lacks is named or marked."""
    shown = "".join(_legible(character) for character in text[: TEXT_MOST * 2])
    return shown if len(shown) <= TEXT_MOST else shown[:TEXT_MOST] + "…"


class _Numbered(Canvas):  # type: ignore[misc]
    """Writes the foot of each page once it is known how many there are."""

    def __init__(self, *args: Any, footer: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._footer = footer
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number, page in enumerate(self._pages, start=1):
            self.__dict__.update(page)
            self.setFont(FONT, 7.5)
            self.setFillColor(MUTED)
            self.drawString(MARGIN, 10 * mm, self._footer)
            self.drawRightString(LETTER[0] - MARGIN, 10 * mm, f"Page {number} of {len(self._pages)}")
            super().showPage()
        super().save()


@cache
def _font() -> TTFont:
    with as_file(files("fontpkg_noto_sans") / "files" / "NotoSans[wdth,wght].ttf") as path:
        font = TTFont(FONT, str(path))
    pdfmetrics.registerFont(font)
    return font


def _text(text: str, size: float, color: Color = INK) -> Paragraph:
    style = ParagraphStyle("text", fontName=FONT, fontSize=size, leading=size * 1.3, textColor=color)
    return Paragraph(escape(text), style)


def _head(statement: Statement) -> Iterator[Flowable]:
    owner = statement.owner
    yield _text(PRODUCT, 20, BLUE)
    yield _text("Account statement", 13)
    yield Spacer(0, 5 * mm)
    yield _text(f"{legible(owner.display_name)}  ·  @{owner.username}", 10.5)
    yield _text(f"{_period(statement)} (UTC)", 9, MUTED)
    yield Spacer(0, 5 * mm)
    yield _totals(statement)
    yield Spacer(0, 5 * mm)
    yield _text("Balance over the period", 8, MUTED)
    yield _chart(statement)
    yield Spacer(0, 5 * mm)


def _totals(statement: Statement) -> Table:
    figures = {
        "Opening balance": dollars(statement.opening),
        "Money in": f"+ {dollars(statement.money_in)}",
        "Money out": f"- {dollars(statement.money_out)}",
        "Closing balance": dollars(statement.closing),
        "Fees, in the above": dollars(statement.fees),
        f"Fees in {statement.period.last.year} so far": dollars(statement.year_to_date_fees),
    }
    cells = [[_text(name, 7.5, MUTED), _text(figure, 11)] for name, figure in figures.items()]
    return Table(
        [cells[:3], cells[3:]],
        colWidths=[WIDTH / 3] * 3,
        style=TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, -1), WASH),
                ("LEFTPADDING", (0, 0), (-1, -1), 4 * mm),
                ("TOPPADDING", (0, 0), (-1, -1), 2.5 * mm),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5 * mm),
            ]
        ),
    )


def _chart(statement: Statement) -> Drawing:
    """The balance as steps: it stands until a line moves it."""
    start, end = statement.period.start, statement.period.end
    highest = max([statement.opening, *(line.balance for line in statement.lines), 1])
    left, height = 22 * mm, CHART_HEIGHT - 8 * mm

    def point(share: float, balance: int) -> tuple[float, float]:
        return left + share * (WIDTH - left), 5 * mm + balance / highest * height

    steps = [point(0, statement.opening)]
    for line in statement.lines:
        x, y = point((line.at - start) / (end - start), line.balance)
        steps += [(x, steps[-1][1]), (x, y)]
    steps.append((point(1, 0)[0], steps[-1][1]))
    outline = [number for step in steps for number in step]
    floor = [*point(1, 0), *point(0, 0)]
    drawing = Drawing(WIDTH, CHART_HEIGHT)
    for share in (0, 0.5, 1):
        y = point(0, round(highest * share))[1]
        drawing.add(Line(left, y, WIDTH, y, strokeColor=RULE, strokeWidth=0.5))
        drawing.add(_label(left - 2 * mm, y - 2, dollars(round(highest * share)), "end"))
    drawing.add(Polygon([*outline, *floor], fillColor=WASH, strokeColor=None))
    drawing.add(PolyLine(outline, strokeColor=BLUE, strokeWidth=1))
    drawing.add(_label(left, 0, statement.period.first.isoformat(), "start"))
    drawing.add(_label(WIDTH, 0, statement.period.last.isoformat(), "end"))
    return drawing


def _label(x: float, y: float, text: str, anchor: str) -> String:
    return String(x, y, text, fontName=FONT, fontSize=7, fillColor=MUTED, textAnchor=anchor)


def _table(statement: Statement) -> Iterator[Flowable]:
    yield _Heading()
    for line in statement.lines:
        yield _Row(line)
    if not statement.lines:
        yield Spacer(0, 2 * mm)
        yield _text("Nothing moved in this period.", 9, MUTED)


class _Heading(Flowable):  # type: ignore[misc]
    """The names of the columns: above the first row, and again at the top of each later page."""

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        return width, HEADING

    def draw(self) -> None:
        _across(self.canv, 2.5 * mm, ("Date (UTC)", "Type", "Details", "Amount", "Balance"), 7.5, MUTED)
        _rule(self.canv)


class _Row(Flowable):  # type: ignore[misc]
    """One line. Drawn by hand: 10,000 of them take a platypus table half a minute of a core, and this two seconds."""

    def __init__(self, line: rules.Line) -> None:
        super().__init__()
        width = COLUMNS[3] - COLUMNS[2] - 25 * mm
        way = " to ".join(filter(None, (line.sender or line.funding_source, line.recipient or line.destination)))
        fee = f"Fee {dollars(line.fee)}, in the amount" if line.fee else ""
        self._cells = (line.at.strftime("%Y-%m-%d %H:%M:%S"), line.type, "", signed(line.amount), dollars(line.balance))
        self._ways = _broken(legible(way), width)
        self._rest = _broken(legible(line.note), width) + _broken(fee, width)
        self.height = (len(self._ways) + len(self._rest)) * LEADING + 3 * mm

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        return width, self.height

    def draw(self) -> None:
        y = self.height - 1.5 * mm - TEXT
        _across(self.canv, y, self._cells, TEXT, INK)
        for color, texts in ((INK, self._ways), (MUTED, self._rest)):
            self.canv.setFillColor(color)
            for text in texts:
                self.canv.drawString(COLUMNS[2], y, text)
                y -= LEADING
        _rule(self.canv)


def _across(canvas: Canvas, y: float, cells: tuple[str, ...], size: float, color: Color) -> None:
    canvas.setFont(FONT, size)
    canvas.setFillColor(color)
    for number, (x, text) in enumerate(zip(COLUMNS, cells, strict=True)):
        (canvas.drawRightString if number > 2 else canvas.drawString)(x, y, text)


def _rule(canvas: Canvas) -> None:
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.4)
    canvas.line(0, 0, WIDTH, 0)


def _later_page(canvas: Canvas, _document: BaseDocTemplate) -> None:
    _Heading().drawOn(canvas, MARGIN, LETTER[1] - MARGIN - HEADING)


def _broken(text: str, width: float) -> list[str]:
    """Lines that fit, broken between words, and within a word that is longer than a line."""
    font, found = _font(), []
    for line in simpleSplit(text, FONT, TEXT, width) if text else ():
        rest = line
        while font.stringWidth(rest, TEXT) > width:
            fits = next(n for n in range(len(rest) - 1, 0, -1) if n == 1 or font.stringWidth(rest[:n], TEXT) <= width)
            found.append(rest[:fits])
            rest = rest[fits:]
        found.append(rest)
    return found


def _period(statement: Statement) -> str:
    return f"{statement.period.first} to {statement.period.last}"


@lru_cache(4096)
def _legible(character: str) -> str:
    code = ord(character)
    if code in _font().face.charToGlyph and character.isprintable():
        return character
    if 0x1F1E6 <= code <= 0x1F1FF:  # a flag is two of these letters
        return chr(code - 0x1F1E6 + ord("A"))
    category = unicodedata.category(character)
    if category in ("Cf", "Mn", "Me", "Sk") or character.isspace():
        return " " if character.isspace() else ""
    name = unicodedata.name(character, "")
    return f"[{name.lower()}]" if category in ("So", "Sm", "Sc") and name else UNKNOWN
