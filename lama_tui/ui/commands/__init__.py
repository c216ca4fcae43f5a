"""What the palette lists."""
