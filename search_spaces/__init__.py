"""Search spaces: one per method; calling it gives a dict of ray.tune domains.

`diagnose_relearn(epochs)` is the space, `diagnose_relearn.DEFAULTS` holds the published values and
`diagnose_relearn.defaults(epochs)` the same scaled to another number of epochs.
"""

from search_spaces.agm import agm as agm
from search_spaces.boosting import boosting as boosting
from search_spaces.boosting import boosting_no_heads as boosting_no_heads
from search_spaces.boosting import boosting_random as boosting_random
from search_spaces.boosting import boosting_tripled as boosting_tripled
from search_spaces.cggm import cggm as cggm
from search_spaces.diagnose_relearn import diagnose_relearn as diagnose_relearn
from search_spaces.dr_boosting import dr_boosting as dr_boosting
from search_spaces.gradient_blending import gradient_blending as gradient_blending
from search_spaces.joint import joint as joint
from search_spaces.late_fusion import late_fusion as late_fusion
from search_spaces.mla import mla as mla
from search_spaces.mmpareto import mmpareto as mmpareto
from search_spaces.ogm_ge import ogm_ge as ogm_ge
from search_spaces.pmr import pmr as pmr
from search_spaces.training import fine_tuning as fine_tuning
from search_spaces.training import training as training
from search_spaces.unimodal_losses import unimodal_losses as unimodal_losses
