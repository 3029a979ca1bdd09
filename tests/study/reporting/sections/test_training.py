from report_reading import drawn

from study.reporting.sections.training import Training


def test_many_methods_have_a_panel_each_for_their_curves(compared_methods) -> None:
    confirmed = [m for m in compared_methods[0].methods if m not in ("late_fusion", "boosting_frozen")]
    assert len(drawn(Training(), *compared_methods)["accuracy"].figure.axes) == len(confirmed)


def test_few_methods_share_a_panel_for_their_curves(boosted) -> None:
    assert len(drawn(Training(), *boosted)["accuracy"].figure.axes) == 1


def test_moments_of_relearning_are_explained_where_there_are_any(module_study, synthetic, settings) -> None:
    assert "pulled back" in drawn(Training(), *module_study)["accuracy"].caption
    joint = synthetic().search("joint", 0.6, 1).confirm("joint", 0.6)
    assert "pulled back" not in drawn(Training(), settings(), joint.records)["accuracy"].caption
