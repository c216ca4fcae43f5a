-- The prefill step of a model that was found best here by measuring.
CREATE TABLE tunings (
    ref TEXT PRIMARY KEY,
    device TEXT NOT NULL, -- that it was measured on
    batch_size INTEGER NOT NULL CHECK (batch_size > 0), -- tokens
    prefill_tok_s REAL NOT NULL,
    before INTEGER NOT NULL, -- the step that was in use, tokens
    before_tok_s REAL NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;
