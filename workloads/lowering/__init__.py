"""Lowering of ATen operators to loop nests: one file per family, each registering the operators it knows.

Nothing here imports torch: ``workloads.capture`` turns a node of an exported program into a ``Call``, and a lowering
turns the call into operators.
"""
