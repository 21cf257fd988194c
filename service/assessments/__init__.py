"""Radiologists' assessments of results, written out for others: JSON and DICOM SR."""
