"""Ray Tune Trainables, one per balancer."""
