import signal
import subprocess
import sys

import pytest

from study.__main__ import COMMANDS, main
from study.running.signals import SIGNALS


@pytest.fixture(autouse=True)
def handlers():
    """Handlers of signals are those of before after each test."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_the_help_lists_every_command_with_its_purpose(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert ended.value.code == 0
    assert {f"{command:<10}{purpose}" for command, (_, purpose) in COMMANDS.items()} <= set(lines)


@pytest.mark.parametrize("arguments", [[], ["runn"], ["--runn"]], ids=["none", "unknown", "option"])
def test_without_a_command_it_says_one_sentence(arguments, capsys):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("multimodal-study: ")
    assert len(err.splitlines()) == 1


def test_the_rest_goes_to_the_command_and_its_exit_code_comes_back(tmp_path, capsys):
    assert main(["report", "no_such", "--results", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("study.report: no study no_such")


def test_own_parts_may_lie_in_the_folder_where_it_is_started(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder])
    main(["report", "no_such", "--results", str(tmp_path)])
    assert sys.path[-1] == str(tmp_path)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_its_own_help(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"python -m {COMMANDS[command][0]}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "not_imported"),
    [(["runn"], {"torch", "ray", "mlflow", "study.run"}), (["train"], {"ray", "mlflow", "study.run"})],
    ids=["none", "train"],
)
def test_only_the_chosen_command_is_imported(arguments, not_imported):
    check = (
        "import sys; from study.__main__ import main\n"
        f"try: main({arguments})\nexcept SystemExit: pass\n"
        f"sys.exit(bool({not_imported} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", check], capture_output=True, check=False).returncode == 0


def test_a_signal_while_the_command_of_a_study_is_imported_is_one_sentence():
    program = (
        "import os, signal; from study import __main__\n"
        "__main__.import_module = lambda name: os.kill(os.getpid(), signal.SIGTERM)\n"
        "__main__.main(['run'])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    said = "study.run: stopped by SIGTERM before it began; run the same command again to continue."
    assert (ended.returncode, ended.stderr.strip()) == (3, said)
