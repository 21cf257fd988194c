"""Models with weights: what they are, where they lie, and how they are run."""
