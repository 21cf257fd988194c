"""How the FLAIR lesion model was made; not imported by the analysis."""
