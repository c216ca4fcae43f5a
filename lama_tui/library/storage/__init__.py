"""What models take on the disk, and how it is given back: usage, removal, cleaning, quota."""
