"""The kinds of unit, one module each; the registry finds them by their file names."""
