"""Search spaces, one file per balancer."""
