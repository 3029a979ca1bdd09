"""Search spaces: one per balancer; calling it gives a dict of ray.tune domains.

`diagnose_relearn(epochs)` is the space, `diagnose_relearn.DEFAULTS` holds the published values and
`diagnose_relearn.defaults(epochs)` the same scaled to another number of epochs.
"""

from search_spaces.boosting import boosting, boosting_no_heads, boosting_random, boosting_tripled
from search_spaces.diagnose_relearn import diagnose_relearn
from search_spaces.dr_boosting import dr_boosting
from search_spaces.joint import joint
from search_spaces.late_fusion import late_fusion
from search_spaces.ogm_ge import ogm_ge

__all__ = [
    "boosting",
    "boosting_no_heads",
    "boosting_random",
    "boosting_tripled",
    "diagnose_relearn",
    "dr_boosting",
    "joint",
    "late_fusion",
    "ogm_ge",
]
