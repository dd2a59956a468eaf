"""Operators on several units and experts on devices: the problems as plain numbers, their solvers, and a checker."""
