"""From a study's trials to numbers: what was chosen, summaries, comparisons, sweeps; no words, no drawing."""
