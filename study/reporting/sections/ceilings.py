"""What is possible at all, beside what was reached: only of generated data is it known."""

from collections.abc import Mapping

from study.analysis.modality_measures import frozen_probes, probes
from study.analysis.results import Results, ceilings
from study.reporting import cells, wording
from study.reporting.section import Section, Table
from trainables.multimodal.data.store.feature_store import TOGETHER
from trainables.multimodal.tasks import ACCURACY

NOTE = (
    "The accuracy of Bayes' rule follows from how the data were generated. Of each modality alone a linear "
    "probe on the method's encoder is shown, of all together the method's own prediction."
)
POSSIBLE = "Possible, by construction"


class Ceilings(Section):
    """The worth of each modality; nothing for recorded data."""

    name = "ceilings"
    title = "What is possible, and what was reached"

    def findings(self, results: Results) -> list[str]:
        """What a perfect method would reach."""
        worth = ceilings(results.settings)
        if not worth:
            return []
        together = wording.percent(worth.pop(TOGETHER))
        alone = [
            f"{wording.percent(value)} with {wording.plain(name)} alone" for name, value in worth.items()
        ]
        return [f"By construction of the data {together} are possible, {wording.listing(alone)}."]

    def tables(self, results: Results) -> list[Table]:
        """A row per method, the best first, below what is possible."""
        worth = ceilings(results.settings)
        return [_reached(results, protocol, worth) for protocol in results.protocols if worth]


def _reached(results: Results, protocol: str, worth: Mapping[str, float]) -> Table:
    split, names = results.split(protocol), [name for name in worth if name != TOGETHER]
    rows = [[POSSIBLE, *(f"{100 * worth[name]:.1f}" for name in [*names, TOGETHER]), ""]]
    for method in results.ranked(protocol):
        together = results.scores(protocol)[method][split][ACCURACY]
        if together["mean"] is not None:
            runs = results.chosen.trained(method, protocol)
            fitted = frozen_probes(runs)
            of, alone = ("test", fitted) if fitted else probes(runs)
            measured = [cells.percent(alone.get(name)) if of == split else wording.NONE for name in names]
            left = wording.signed(worth[TOGETHER] - together["mean"])
            rows.append([results.settings.label(method), *measured, cells.percent(together), left])
    heads = ["Method", *(f"{wording.plain(name).capitalize()} alone" for name in names)]
    heads += ["All together", "Left to gain, points"]
    measured_on = f"{split.capitalize()} accuracy in percent with 95 % interval"
    title = f"{measured_on}, {cells.PROTOCOLS[protocol]} protocol"
    return Table(title, heads, rows if len(rows) > 1 else [], NOTE)
