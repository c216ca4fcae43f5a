"""What the hub says of models: search, details, model cards. No downloads: those are in `library.downloads`."""
