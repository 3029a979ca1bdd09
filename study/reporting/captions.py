"""What every kind of figure shows, in words."""

COMPARISON = (
    "Accuracy and macro-F1 of the best weights of every confirm run, the best method on top. Filled marks "
    "are means over seeds with their 95 % t-interval, open circles below them single seeds; the dashed "
    "line is the baseline. The mean of a single modality far away from all methods stands at that edge. "
    "Right: differences to the baseline on the same seeds with their 95 % interval; one that contains 0 is "
    "compatible with no effect."
)
MODALITIES = (
    "How well the classes can be read from each encoder alone, with 95 % t-intervals over seeds: a linear "
    "probe trained on detached features, which does not influence the method. The distance between "
    "modalities is the imbalance."
)
ACCURACY = (
    "Every confirm run as a thin line, their mean as a bold one. Vertical lines with a triangle mark "
    "epochs after which encoders were pulled back towards their initial weights; accuracy may dip in the "
    "epoch that follows."
)
PURITY = (
    "Absolute difference between the cluster purity of training and of validation features: how much more "
    "ordered an encoder is on what it has seen. Thin lines are seeds, bold lines their mean. Dotted "
    "curves are the noise floor, the mean gap after permuting the labels on the same clusterings: a gap "
    "at or below it says nothing."
)
CHOICE = (
    " Drawn are {drawn} of {all} methods, so that curves can be told apart: the baseline, those that "
    "re-learn, then the best; the others are in tables/modalities.csv."
)
HEADS = (
    "Confirm runs. Above: validation accuracy of a modality's heads together, and of all but the newest. "
    "Where the dashed line runs as high as the solid one, the newest head adds nothing. Bold lines are "
    "means over seeds, the dashed one only from where every run has more than one head. Below: the number "
    "of heads."
)
GAP = (
    "The largest minus the smallest cross-entropy of a modality, all its heads together, over the training "
    "set, epoch by epoch: how unevenly the modalities have been learned. Thin lines are confirm runs, bold "
    "ones their mean."
)
SENSITIVITY = (
    "The incumbent of the search with one hyperparameter changed, at full budget. Filled marks are means "
    "over seeds with their 95 % t-interval, open circles single seeds. The dashed line with its band is "
    "joint training with the best settings of its own search, on the seeds of the confirm runs."
)
AS_ABOVE = "As above."
SWITCHED_OFF = (
    " At λ = 0 nothing is re-learned: the point is {what} with this method's other settings, so it "
    "need not equal what {what} reaches with its own."
)
HISTORY = (
    "Best validation accuracy each search trial reached before it ended, in the order of proposal. Pruned "
    "trials were stopped early, so their values are of fewer epochs; diverged and failed ones stand at "
    "the foot. The line is the best completed trial so far, from which the incumbent is taken."
)
IMPORTANCE = (
    "PED-ANOVA: which hyperparameters decide whether a completed trial is among the best quarter. The "
    "black marks are the noise floor, the same computation with the trial values permuted; a bar that "
    "does not pass the tick stands for nothing. The trials were chosen by the sampler, which biases the "
    "shares towards what it explored."
)
