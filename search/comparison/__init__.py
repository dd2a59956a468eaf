"""Comparisons: models on chips under swept settings, in parallel, kept between runs, as tables and figures."""
