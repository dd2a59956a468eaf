"""The compiled engine: arrays and integers in, arrays and integers out; equal to the plain one to the tick."""
