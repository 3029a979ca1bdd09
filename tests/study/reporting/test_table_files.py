import re
import shutil
import subprocess

import pytest

from study.reporting.section import Strong, Table
from study.reporting.table_files import latex, markdown
from study.reporting.wording import NONE, SPACE

HOSTILE = "A&B_50% #1 {x} \\y ~z ^2 $λ$ <b> a|b"
ESCAPED = (
    r"A\&B\_50\% \#1 \{x\} \textbackslash{}y \textasciitilde{}z \textasciicircum{}2 \$$\lambda$\$ "
    r"$<$b$>$ a$|$b"
)
TABLE = Table(
    f"Scores of {HOSTILE}",
    ["Method", f"λ{SPACE}(%)", "p_holm"],
    [
        [HOSTILE, Strong("-1.5 ± 0.2 [-1.9, 2.0]"), NONE],
        ["two lines", "1.0", "0.5\n[-0.1, 0.2]"],
        ["[a list]", "no trial completed: 5 diverged at lr = 1e-05"],
    ],
    "Read this first.",
)
DOCUMENT = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n%s\\end{document}\n"
COMPILER = shutil.which("pdflatex") or shutil.which("tectonic")


def rows(text: str) -> list[list[str]]:
    """Cells of every row of a tabular, heads included."""
    lines = [line.removesuffix(r" \\") for line in text.splitlines() if line.endswith(r"\\")]
    return [re.split(r"(?<!\\)&", line) for line in lines]


def bare(text: str, marks: str) -> list[str]:
    """Those of some characters that no backslash escapes, in order."""
    return re.findall(rf"(?<!\\)[{re.escape(marks)}]", text)


def test_what_latex_reads_as_a_command_is_escaped() -> None:
    assert rows(latex(TABLE, "scores"))[1][0].strip() == ESCAPED
    assert rf"\caption{{Scores of {ESCAPED}. Read this first.}}" in latex(TABLE, "scores")
    assert r"$\lambda$~(\%)" in latex(TABLE, "scores")


def test_negative_numbers_have_a_minus_and_names_their_hyphen() -> None:
    named = Table("T", ["A"], [["actor-disjoint-1, 1e-05, -1.5 [-1.9, -1.0]"]])
    (cell,) = rows(latex(named, "t"))[1]
    assert cell == "actor-disjoint-1, 1e-05, $-$1.5 [$-$1.9, $-$1.0]"


def test_every_row_has_as_many_cells_as_heads() -> None:
    text = latex(TABLE, "scores")
    heads, first, _, short = rows(text)
    assert text.count(r"\begin{tabular}{lrr}") == 1
    assert len(heads) == len(first) == 3
    assert len(short) == 2
    assert short[-1].strip().startswith(r"\multicolumn{2}{l}{no trial completed")


def test_braces_and_mathematics_are_closed() -> None:
    text = latex(TABLE, "scores")
    depth = 0
    for brace in bare(text, "{}"):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0
    assert len(bare(text, "$")) % 2 == 0
    assert re.findall(r"\\begin\{(\w+)\}", text) == re.findall(r"\\end\{(\w+)\}", text)[::-1]


def test_a_row_that_begins_with_a_bracket_is_no_option_of_the_row_above() -> None:
    assert "\n{}[a list] &" in latex(TABLE, "scores")


@pytest.mark.skipif(COMPILER is None, reason="no LaTeX here")
def test_latex_takes_it(tmp_path) -> None:
    (tmp_path / "paper.tex").write_text(DOCUMENT % latex(TABLE, "scores"))
    mode = [] if "tectonic" in COMPILER else ["-interaction=nonstopmode", "-halt-on-error"]
    command = [COMPILER, *mode, "paper.tex"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    assert (tmp_path / "paper.pdf").is_file()


def test_markdown_has_a_row_of_cells_each_and_no_mark_of_its_own() -> None:
    title, empty, *lines = markdown(TABLE).splitlines()
    assert (title.endswith("Read this first."), empty) == (True, "")
    assert lines[1] == "| --- | ---: | ---: |"
    assert [len(re.split(r"(?<!\\)\|", line)) for line in lines] == [5, 5, 5, 5, 5]
    assert r"A&B\_50% #1 {x} \\y ~z ^2 $λ$ \<b> a\|b" in lines[2]


def test_lines_of_a_cell_stand_below_each_other() -> None:
    two = Table("T", ["A", "B"], [["a", "-1.5\n[-1.9, -1.0]"]])
    assert r"a & \shortstack[r]{$-$1.5 \\ {}[$-$1.9, $-$1.0]} \\" in latex(two, "t")
    assert "| a | -1.5<br>[-1.9, -1.0] |" in markdown(two)


def test_what_stands_out_is_bold() -> None:
    assert r"\textbf{$-$1.5 $\pm$ 0.2" in latex(TABLE, "scores")
    assert "**-1.5 ± 0.2 [-1.9, 2.0]**" in markdown(TABLE)
