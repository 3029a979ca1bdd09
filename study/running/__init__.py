"""Carrying a study out: from the trials that its stages ask for to the processes that train them."""
