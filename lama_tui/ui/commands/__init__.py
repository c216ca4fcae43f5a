"""What lama can be told to do: the actions of the keymap, found by name or written after a slash."""
