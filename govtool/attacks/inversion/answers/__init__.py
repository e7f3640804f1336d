"""Inversion through a model's answers alone: where to look, what it costs, and how to read what comes back."""
