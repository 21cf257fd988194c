"""The heavy half: pixels in, findings and DICOM reports out."""

import os

# From 1.29 on onnxruntime reports to its maker unless it was told not to before its import. Nothing leaves a hospital that way.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
