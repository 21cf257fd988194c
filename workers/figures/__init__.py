"""Pictures and masks by which a person can judge what was measured."""

from workers.figures.writing import write_figures, write_masks

__all__ = ["write_figures", "write_masks"]
