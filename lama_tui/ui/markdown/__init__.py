"""Markdown to lines of styled cells, for the transcript. Finished blocks are rendered once."""
