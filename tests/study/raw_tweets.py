"""Small trees in the raw layouts of Twitter15 and Sarcasm, and a tiny text model with random weights."""

from pathlib import Path

import numpy as np
from PIL import Image

TWITTER15 = {"train": 24, "dev": 12, "test": 12}
SARCASM = {"train.txt": 24, "valid2.txt": 12, "test2.txt": 12}
HEADER = "index\t#1 Label\t#2 ImageID\t#3 String\t#3 String"
MOODS = ("awful", "plain", "lovely")
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *MOODS, "what", "a", "day", "in", "rain", ",", "#")


def write_picture(file: Path, label: int, size: tuple[int, int] = (40, 30)) -> None:
    """A real jpg: noise around a grey that the label gives."""
    draw = np.random.default_rng(list(file.name.encode()))
    values = draw.normal(70 + 60 * label, 20, (size[1], size[0], 3))
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.clip(0, 255).astype(np.uint8)).save(file, "JPEG")


def write_twitter15(root: Path) -> Path:
    """Forty-eight rows; rows 1 and 2 of every table are one tweet with two targets."""
    for start, (part, count) in enumerate(TWITTER15.items()):
        lines = [HEADER]
        for number in range(1, count + 1):
            label, image = number % 3, f"{100 * (start + 1) + max(number, 2)}.jpg"
            lines.append(f"{number}\t{label}\t{image}\tWhat a {MOODS[label]} day in $T$ !\tTown {number}")
            write_picture(root / "twitter2015_images" / image, label)
        table = root / "twitter2015" / f"{part}.tsv"
        table.parent.mkdir(parents=True, exist_ok=True)
        table.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return root


def write_sarcasm(root: Path) -> Path:
    """Forty-eight rows, and in each table one more that gives its label away and has no picture."""
    for start, (table, count) in enumerate(SARCASM.items()):
        lines = []
        for number in range(count):
            label, name = number % 2, f"9{start}000000000000{number:03d}"
            given = (label,) if table == "train.txt" else (1 - label, label)
            lines.append(repr([name, f"what a {MOODS[2 * label]} day , it 's raining # {number}", *given]))
            write_picture(root / "dataset_image" / f"{name}.jpg", label)
        lines.append(repr([f"80000000000000{start}", "what a day # irony <url>", *given]))
        (root / "text").mkdir(exist_ok=True)
        (root / "text" / table).write_text("\n".join([*lines, ""]), encoding="utf-8")
    return root


def write_text_model(folder: Path, *, seed: int = 0) -> Path:
    """A BERT of two layers and sixteen units with its tokenizer, as transformers saves them."""
    import torch
    import transformers

    transformers.logging.disable_progress_bar()
    torch.manual_seed(seed)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    transformers.BertModel(config).save_pretrained(folder)
    transformers.BertTokenizer({word: n for n, word in enumerate(WORDS)}).save_pretrained(folder)
    return folder
