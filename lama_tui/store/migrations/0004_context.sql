-- What a model reads of a long conversation: messages that always stay, and summaries of what came before them.
ALTER TABLE messages ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;

-- Read in place of all messages of a thread up to one; these stay, and are read again when the summary goes.
CREATE TABLE summaries (
    message_id INTEGER PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE, -- the last that it stands for
    text TEXT NOT NULL,
    model TEXT NOT NULL, -- that wrote it
    created INTEGER NOT NULL
);
