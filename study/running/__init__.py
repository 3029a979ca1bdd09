"""Carrying a study out: stages, Ray, trials, and what watches over them."""
