"""How the FLAIR lesion network was made: random heads on a GPU, a small U-Net, its ONNX. Needs torch, which is no dependency."""
