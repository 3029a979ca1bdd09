"""Links between the project's own documents lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("study", "trainables", "search_spaces")
DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / ".github").rglob("*.md"),
        *(path for package in PACKAGES for path in (ROOT / package).rglob("*.md")),
    ]
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(document):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text())
    files = [link for link in links if "://" not in link]
    assert not [link for link in files if not (document.parent / link).exists()]


def anchors(document: Path) -> set[str]:
    """What a link to a heading of the document may name."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_heading_leads_to_one(document):
    links = re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", document.read_text())
    places = [
        (document.parent / file if file else document, anchor) for file, anchor in links if "://" not in file
    ]
    assert not [anchor for place, anchor in places if anchor not in anchors(place)]
