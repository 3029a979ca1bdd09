import pytest

from study.replaying.choices import scheduler_choice, searcher_choice
from trainables.multimodal.errors import InputError

DOUBLED = [5, 10, 20, 40, 80, 160]


@pytest.mark.parametrize(
    ("name", "rungs"),
    [
        ("none", []),
        ("asha:2:20", [20, 40, 80]),
        ("asha:4:1/4", [40]),  # 160 / 4; the next one is the end
        ("asha:3:10", [10, 40]),  # rungs 10, 30, 90: judged at the first report from there on
        ("asha:2:6", [10, 20, 40, 80]),  # rungs 6, 12, 24, 48, 96
        ("asha:2:160", []),
    ],
)
def test_trials_are_judged_at_the_first_report_from_a_rung_on(name, rungs):
    assert scheduler_choice(name, 41).rungs(DOUBLED) == rungs


def test_the_scheduler_has_the_rungs_of_its_name():
    said = scheduler_choice("asha:2:20", 41).pruner(160).debug_string()
    assert [f"Iter {rung}.000" in said for rung in (20, 40, 80, 60)] == [True, True, True, False]
    assert scheduler_choice("none", 41).pruner(160) is None


def test_asha_alone_is_what_a_study_does():
    assert scheduler_choice("asha", 41) == scheduler_choice("asha:2:41", 7)


def test_startup_trials_may_be_a_share_of_all():
    assert searcher_choice("tpe").startup == 10
    assert searcher_choice("tpe:5").startup == 5
    assert searcher_choice("tpe:1/3").startup * 12 == 4


@pytest.mark.parametrize("name", ["grid", "random:3", "tpe:0", "tpe:x", "tpe:1/0", "tpe:3/2", "tpe:4:4", ""])
def test_another_searcher_is_refused(name):
    with pytest.raises(InputError, match=r"searcher|cannot read"):
        searcher_choice(name)


@pytest.mark.parametrize(
    "name", ["median", "asha:2", "asha:1:4", "asha:1/2:4", "asha:2:-1", "asha:2:x", "none:1"]
)
def test_another_scheduler_is_refused(name):
    with pytest.raises(InputError, match=r"scheduler|cannot read|reduction factor"):
        scheduler_choice(name, 4)
