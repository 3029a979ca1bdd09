"""Search spaces: one per balancer; calling it gives a dict of ray.tune domains.

`diagnose_relearn(epochs)` is the space, `diagnose_relearn.DEFAULTS` holds the published values and
`diagnose_relearn.defaults(epochs)` the same scaled to another number of epochs.
"""

from search_spaces.diagnose_relearn import diagnose_relearn
from search_spaces.joint import joint

__all__ = ["diagnose_relearn", "joint"]
