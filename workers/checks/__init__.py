"""The checks: each one module, each a pure function from volumes to findings. They measure; rules judge."""
