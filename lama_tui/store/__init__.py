"""SQLite: connections, numbered migrations, checks."""
