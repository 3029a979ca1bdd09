import json
from dataclasses import replace

import pandas as pd
import pytest
from toy_study import TOY

from study import replay
from study.records.ledger import Ledger
from study.records.trial_record import Ending, Proposal
from study.running.sampling import REDUCTION_FACTOR
from study.settings import Budget

SETTINGS = replace(TOY, study="toy_dr", methods=("joint",), budget=Budget(epochs=4, trials=5, seeds=1))


def end(ledger, number, status, ran):
    """One search trial whose value grows with its number."""
    key = f"key {number}"
    ledger.add("search", "joint", key, Proposal({"lr": 0.1 + number, "epochs": 4}, seed=0))
    ledger.set_ending(key, Ending(status, ran, None, 1.0))
    for epoch in range(1, ran + 1):
        ledger.add_epoch(key, epoch, {"best/accuracy": 0.1 * number + 0.01 * epoch, "seconds": 2.0})
    ledger.tell(key)


@pytest.fixture
def results(tmp_path):
    """A results folder with one study: four search trials ran to their end, one was stopped."""
    (tmp_path / "toy_dr").mkdir()
    write_ledger(f"sqlite:///{tmp_path / 'toy_dr' / 'ledger.db'}")
    return tmp_path


def write_ledger(url):
    """Write the ledger of that study."""
    ledger = Ledger(url, "toy_dr")
    ledger.save_settings(SETTINGS)
    for number, (status, ran) in enumerate([("completed", 4), ("pruned", 2), *[("completed", 4)] * 3]):
        end(ledger, number, status, ran)
    ledger.close()


@pytest.fixture
def table(tmp_path):
    """A grid of 4 x 3 configurations, four epochs each; the best error is .1, at a = 2 and b = 1."""
    rows = [
        {
            "a": a,
            "b": b,
            "n_epochs": n,
            "valid_error": 0.1 + 0.1 * abs(a - 2) + 0.05 * abs(b - 1) + 0.2 / n - 0.05,
        }
        for a in range(4)
        for b in range(3)
        for n in (1, 2, 4)
    ]
    path = tmp_path / "grid.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def test_a_study_is_replayed_from_its_ledger_and_written_beside_its_report(results, capsys):
    code = replay.main(
        ["toy_dr", "--results", str(results), "--schedulers", "none,asha", "--repeats", "4", "--out"]
    )
    assert code == 0
    said = capsys.readouterr().out
    assert "joint: 4 curves of 4 epochs (1 that were stopped early are left out)" in said
    written = json.loads((results / "toy_dr" / "replay.json").read_text())
    plain, asha = written["studies"]
    assert (plain["scheduler"], plain["trials"], plain["best"]) == ("none", 4, pytest.approx(0.44))
    assert (plain["completed"], plain["saved"], plain["regret"]) == (1, 0, 0)
    assert asha["scheduler"] == f"asha:{REDUCTION_FACTOR}:{SETTINGS.grace('joint')}"
    assert asha["completed"] < 1
    assert written["rank_correlations"] == [{"curves": "joint", "epoch": 3, "correlation": pytest.approx(1)}]
    rows = pd.read_csv(results / "toy_dr" / "replay.csv")
    assert rows.to_dict("list")["saved"] == pytest.approx([plain["saved"], asha["saved"]])


def test_a_table_is_searched_by_every_combination(table, tmp_path, capsys):
    sizes = ["--trials", "6,9", "--workers", "1,2", "--repeats", "2", "--out", str(tmp_path / "new")]
    searched = ["--searchers", "random,tpe:1/3", "--schedulers", "none,asha:2:1"]
    assert replay.main(["--curves", str(table), *sizes, *searched]) == 0
    rows = pd.read_csv(tmp_path / "new" / "replay.csv")
    assert len(rows.drop_duplicates(["searcher", "scheduler", "trials", "workers"])) == len(rows) == 16
    assert (rows["best"] >= 0.1 - 1e-9).all()
    assert "the best of them ends with 0.1" in capsys.readouterr().out


def test_the_same_seed_gives_the_same_files(table, tmp_path):
    def files(name, seed):
        out = tmp_path / name
        assert (
            replay.main(
                ["--curves", str(table), "--trials", "3", "--repeats", "2", "--seed", seed, "--out", str(out)]
            )
            == 0
        )
        return [(out / file).read_bytes() for file in ("replay.csv", "replay.json")]

    assert files("first", "3") == files("second", "3")
    assert files("first", "3") != files("third", "4")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "name either a study or"),
        (["toy_dr", "--curves", "x.csv"], "name either a study or"),
        (["elsewhere"], "there is no study at"),
        (["../toy_dr"], "is not the name of a study"),
        (["toy_dr", "--searchers", "tpe"], "TPE needs the curves of a whole grid"),
        (["toy_dr", "--searchers", "grid"], "unknown searcher grid"),
        (["toy_dr", "--schedulers", "asha:9"], "unknown scheduler asha:9"),
        (["toy_dr", "--trials", "5"], "joint has 4 curves"),
        (["toy_dr", "--trials", "0"], "whole number >= 1"),
        (["toy_dr", "--workers", "two"], "whole number >= 1"),
        (["toy_dr", "--repeats", "0"], "whole number >= 1"),
        (["toy_dr", "--seed", "-1"], "--seed must be at least 0, got -1"),
        (["--curves", "absent.csv"], "cannot be read"),
        (["--curves", "absent.csv", "--out"], "--out needs a folder"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(results, capsys, arguments, sentence):
    assert replay.main([*arguments, "--results", str(results)]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert len(error.splitlines()) == 1


def test_a_study_whose_trials_were_all_stopped_says_so(results, capsys):
    ledger = Ledger(f"sqlite:///{results / 'toy_dr' / 'ledger.db'}", "toy_dr")
    ledger.save_settings(replace(SETTINGS, budget=Budget(epochs=5, trials=5, seeds=1)))
    ledger.close()
    assert replay.main(["toy_dr", "--results", str(results)]) == 2
    assert "fewer than two search trials of joint" in capsys.readouterr().err


def test_a_study_is_replayed_from_a_journal(tmp_path, capsys):
    url = f"journal://{tmp_path}/ledger.log"
    write_ledger(url)
    options = ["--storage", url, "--schedulers", "none", "--repeats", "2"]
    assert replay.main(["toy_dr", "--results", str(tmp_path), *options]) == 0
    assert "joint" in capsys.readouterr().out
