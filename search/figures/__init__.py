"""Figures of comparisons, sweeps and reproductions: charts as plain data, drawn in one style."""
