"""From DICOM files to volumes on an exact patient grid, and from a volume to the brain's regions."""
