"""One file a data set: which samples there are and how one of them is loaded."""
