"""Files that run a study on a cluster: Slurm, Kubernetes, AWS, or containers of one machine."""
