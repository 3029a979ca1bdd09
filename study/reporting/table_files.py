"""A table as papers and notes take it: LaTeX for the package booktabs, and Markdown."""

import re
from collections.abc import Iterable, Sequence

from study.reporting.section import Strong, Table
from study.reporting.wording import NONE, SPACE

LETTERS = "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ"
NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi "
    "chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
)
COMMANDS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    SPACE: "~",
    NONE: "--",
}
LATEX = str.maketrans(
    COMMANDS
    | {mark: rf"\{mark}" for mark in "&%$#_{}"}
    | {mark: f"${mark}$" for mark in "<>|"}
    | {letter: rf"$\{name}$" for letter, name in zip(LETTERS, NAMES.split(), strict=True)}
)
MINUS = re.compile(r"(?<![\w.])-(?=\d)")
MARKDOWN = re.compile(r"([\\`*_|<])")
PREAMBLE = r"% Needs \usepackage{booktabs}."


def latex(table: Table, name: str) -> str:
    """A `table` environment with its caption above it, to be referred to as `tab:<name>`."""
    columns = len(table.heads)
    lines = [
        PREAMBLE,
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_escaped(_caption(table))}}}",
        rf"\label{{tab:{name}}}",
        rf"\begin{{tabular}}{{l{'r' * (columns - 1)}}}",
        r"\toprule",
        _latex_row(table.heads, columns),
        r"\midrule",
        *(_latex_row(row, columns) for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def markdown(table: Table) -> str:
    """A table with its caption above it; the empty cells of a short row stand at its end."""
    columns = len(table.heads)
    rows = [[_marked(cell) for cell in [*row, *[""] * (columns - len(row))]] for row in table.rows]
    ruler = ["---", *["---:"] * (columns - 1)]
    lines = [_line(row) for row in ([_marked(head) for head in table.heads], ruler, *rows)]
    return "\n".join([MARKDOWN.sub(r"\\\1", _caption(table)), "", *lines]) + "\n"


def _caption(table: Table) -> str:
    return f"{table.title}. {table.note}".strip()


def _latex_row(row: Sequence[str], columns: int) -> str:
    """A row of cells, of which the last one spans what a short row leaves."""
    cells = [_latex_cell(cell) for cell in row]
    if len(row) < columns:
        cells[-1] = rf"\multicolumn{{{columns - len(row) + 1}}}{{l}}{{{cells[-1]}}}"
    return rf"{' & '.join(cells)} \\"


def _latex_cell(cell: str) -> str:
    """A cell, of several lines as on the page."""
    lines = [_begun(_escaped(line)) for line in cell.split("\n")]
    text = r" \\ ".join(lines)
    if len(lines) > 1:
        text = rf"\shortstack[r]{{{text}}}"
    return rf"\textbf{{{text}}}" if isinstance(cell, Strong) else text


def _begun(line: str) -> str:
    """A line of which LaTeX takes no part for an option of the line break before it."""
    return f"{{}}{line}" if line.startswith(("[", "*")) else line


def _escaped(text: str) -> str:
    """Text without characters that LaTeX reads as commands, and with the minus of negative numbers."""
    return MINUS.sub("$-$", text.translate(LATEX))


def _marked(cell: str) -> str:
    text = MARKDOWN.sub(r"\\\1", cell).replace("\n", "<br>")
    return f"**{text}**" if isinstance(cell, Strong) else text


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
