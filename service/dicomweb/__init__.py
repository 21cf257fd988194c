"""Objects over the web: STOW-RS (PS3.18 10.5) into the same intake as C-STORE, in a process of its own."""
