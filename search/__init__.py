"""Sweeps over models and chips: comparisons now, design-space search next."""
