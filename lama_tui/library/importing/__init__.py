"""Models from elsewhere: an address, a folder, a `.gguf` file or an archive becomes `data/models/NAME/`."""
