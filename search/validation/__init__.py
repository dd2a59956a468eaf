"""The validation table: published and measured values beside simulated ones, with the error each group may have."""
