-- Programs that models bring, and that the person agreed to run: for this model, with exactly these bytes.
CREATE TABLE trusted_code (
    ref TEXT PRIMARY KEY,
    digest TEXT NOT NULL CHECK (length(digest) = 64), -- SHA-256 in hex, of all its files of code
    at INTEGER NOT NULL
) WITHOUT ROWID;
