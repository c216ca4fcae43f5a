"""Settings, keymap and themes: values and the files they come from."""
