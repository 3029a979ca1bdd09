"""What each method was trained with by the paper's protocol, and where that is published."""

from collections.abc import Iterable, Mapping

import pandas as pd

from study.analysis.results import Results
from study.recipe_wording import of_method, recipe_words
from study.reporting import wording
from study.reporting.section import Card, Section, Table

NOTE = (
    "Under the paper's protocol each method is trained as its authors did, whatever the search found. Sound "
    "is prepared as the store's recipe says, for all methods alike; beside it stands what was published."
)
UNPUBLISHED = "nowhere for these data: the best configuration of its search"


class PaperRecipes(Section):
    """Studies with runs by the paper's protocol, in ledgers that keep their recipes."""

    name = "recipes"
    title = "Recipes of the paper's protocol"

    def cards(self, results: Results) -> Iterable[Card]:
        """Differences of methods there are differences of recipes too."""
        if len({recipe.source for recipe in results.settings.recipes.values()}) > 1:
            text = "what differs between two methods there are their recipes too."
            yield Card("Recipes differ by method under the paper's protocol", text)

    def tables(self, results: Results) -> Iterable[Table]:
        """A row per method."""
        rows = [_row(results, method) for method in results.settings.recipes]
        heads = list(rows[0]) if rows else []
        return [Table("Recipes by method", heads, [list(row.values()) for row in rows], NOTE)]

    def csv(self, results: Results) -> Mapping[str, pd.DataFrame]:
        """The same with all settings."""
        rows = [
            {"method": name, "source": recipe.source, "sound": recipe.sound, **recipe.settings}
            for name, recipe in results.settings.recipes.items()
        ]
        return {"recipes": pd.DataFrame(rows)}


def _row(results: Results, method: str) -> dict[str, str]:
    """Head -> cell."""
    settings, recipe = results.settings, results.settings.recipes[method]
    notation = settings.method(method).search.notation
    own = of_method(recipe.settings, notation)
    return {
        "Method": settings.label(method),
        **recipe_words(settings.recipe_config(method), has_frames=settings.protocol.frames != "none"),
        "Of the method": ", ".join(wording.setting(wording.symbol(k, notation), v) for k, v in own.items()),
        "Sound": recipe.sound,
        "Published": recipe.source or UNPUBLISHED,
    }
