"""What `study.run --list` shows: data sets with their questions, and what each question asks."""

from pathlib import Path
from typing import Final

from study.studies import SAMPLE_STUDIES, STUDIES
from trainables.multimodal.data.datasets import DATASETS
from trainables.multimodal.data.store.manifest import FILE

QUESTIONS: Final = {
    "dr": "does Diagnosing & Re-learning help, and which \N{GREEK SMALL LETTER LAMDA} and H does it need?",
    "boosting": "does sustained boosting help, and which settings does it need?",
    "dr_boosting": "do both together help more than boosting alone?",
    "compare": "which of all methods is better than joint training, on the same budget?",
    "modalities": "what is each modality worth alone?",
}


def listing(data: Path) -> str:
    """A line for each data set, and for each question; `data` is where prepared stores lie."""
    asked: dict[str, list[str]] = {}
    for name, study in STUDIES.items():
        asked.setdefault(study.dataset, []).append(name.removeprefix(f"{study.dataset}_"))
    rows = [(f"{name}_", ", ".join(questions), _place(name, data)) for name, questions in asked.items()]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"{row[0]:{widths[0]}}  {row[1]:{widths[1]}}  data: {row[2]}" for row in rows]
    legend = [f"{name:{max(map(len, QUESTIONS))}}  {question}" for name, question in QUESTIONS.items()]
    return "\n".join(["A study is <data><question>, such as cremad_dr:", "", *lines, "", *legend])


def _place(dataset: str, data: Path) -> str:
    """Whether a data set is there, or where it comes from."""
    if (data / dataset / FILE).exists():
        return "found"
    if dataset == "features":
        return "--data DIR"
    if DATASETS[dataset].generated:
        return "generated"
    has_sample = any(study.dataset == dataset for study in SAMPLE_STUDIES.values())
    return "not prepared, runs on the generated sample" if has_sample else "not prepared"
