import pytest

from study.analysis.method_status import MethodStatus, SameEnding
from study.reporting import status_wording


def status(stage="confirm", seeds=5, asked=5, ended=True, endings=(), inapplicable="") -> MethodStatus:
    return MethodStatus("joint", "clean", stage, seeds, asked, ended, tuple(endings), {}, inapplicable)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (status(), "confirmed"),
        (status(seeds=4), "4 of 5 seeds"),
        (status(seeds=0), "no confirm trial completed"),
        (status("search", 0), "no search trial completed"),
        (status("search", 0, ended=False), "search not finished"),
        (status("", 0, 0, inapplicable="needs classes"), "not applicable"),
    ],
)
def test_a_status_says_what_is_missing(one, words) -> None:
    assert status_wording.status(one) == words


def test_search_trials_are_counted_and_confirm_runs_named_by_seed() -> None:
    lost = [SameEnding("diverged", "loss is not finite", (1, 2)), SameEnding("failed", None, (3,))]
    assert status_wording.reason(status(endings=lost)) == (
        "seeds 1 and 2 diverged (loss is not finite), seed 3 failed (no reason recorded)"
    )
    searched = status("search", 0, endings=[lost[0], SameEnding("pruned", None, (0, 0, 0))])
    assert status_wording.outcome(searched) == (
        "no search trial completed: 2 diverged (loss is not finite), 3 pruned"
    )


def test_a_method_that_the_task_leaves_out_says_why() -> None:
    left_out = status("", 0, 0, inapplicable="needs classes")
    assert status_wording.outcome(left_out) == "not applicable: needs classes"
