"""Published results beside simulated ones, paper by paper: a data file each, and a function where it needs more."""
