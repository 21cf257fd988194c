"""From a decision to the DICOM objects that carry it back to the PACS."""
