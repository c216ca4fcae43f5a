-- Conversations as trees of messages. Times are UTC milliseconds.
PRAGMA application_id = 0x6C616D61;

CREATE TABLE conversations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    model TEXT NOT NULL,
    head INTEGER REFERENCES messages (id) ON DELETE SET NULL, -- the leaf that is shown
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    unseen INTEGER NOT NULL DEFAULT 0,
    deleted INTEGER -- when; NULL for what is listed
);

CREATE INDEX conversations_listed ON conversations (updated DESC) WHERE deleted IS NULL;

CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation_id INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    parent_id INTEGER REFERENCES messages (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant', 'tool')),
    state TEXT NOT NULL CHECK (state IN ('streaming', 'complete', 'stopped', 'interrupted', 'failed')),
    finish_reason TEXT,
    usage TEXT NOT NULL DEFAULT '{}', -- JSON
    model TEXT NOT NULL DEFAULT '',
    error TEXT, -- JSON: kind, title, detail, hint
    owner TEXT, -- the instance that streams it
    created INTEGER NOT NULL,
    CHECK ((state = 'streaming') = (owner IS NOT NULL))
);

CREATE INDEX messages_siblings ON messages (conversation_id, parent_id);
CREATE INDEX messages_children ON messages (parent_id);
CREATE INDEX messages_streaming ON messages (owner) WHERE state = 'streaming';

CREATE TABLE parts (
    id INTEGER PRIMARY KEY, -- what the search index names
    message_id INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    json TEXT,
    UNIQUE (message_id, ordinal)
);

-- What a person sent while an answer ran: it waits to become a turn, the lowest ordinal first.
CREATE TABLE queue (
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice: another lama may still know an old one
    conversation_id INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    text TEXT NOT NULL,
    model TEXT NOT NULL,
    created INTEGER NOT NULL
);

CREATE INDEX queue_waiting ON queue (conversation_id);

-- The search index holds the parts of every message that is not streaming: a text that grows
-- ten times a second would be indexed anew each time.
CREATE VIRTUAL TABLE parts_index USING fts5 (
    text, content = 'parts', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);

CREATE TRIGGER message_settles AFTER UPDATE OF state ON messages
WHEN old.state = 'streaming' AND new.state <> 'streaming'
BEGIN
    INSERT INTO parts_index (rowid, text) SELECT id, text FROM parts WHERE message_id = new.id;
END;

CREATE TRIGGER message_resumes AFTER UPDATE OF state ON messages
WHEN old.state <> 'streaming' AND new.state = 'streaming'
BEGIN
    INSERT INTO parts_index (parts_index, rowid, text)
    SELECT 'delete', id, text FROM parts WHERE message_id = new.id;
END;

-- Before, because deleting a message deletes its parts.
CREATE TRIGGER message_goes BEFORE DELETE ON messages
WHEN old.state <> 'streaming'
BEGIN
    INSERT INTO parts_index (parts_index, rowid, text)
    SELECT 'delete', id, text FROM parts WHERE message_id = old.id;
END;

CREATE TRIGGER part_comes AFTER INSERT ON parts
WHEN (SELECT state FROM messages WHERE id = new.message_id) <> 'streaming'
BEGIN
    INSERT INTO parts_index (rowid, text) VALUES (new.id, new.text);
END;

CREATE TRIGGER part_changes AFTER UPDATE OF text ON parts
WHEN (SELECT state FROM messages WHERE id = new.message_id) <> 'streaming'
BEGIN
    INSERT INTO parts_index (parts_index, rowid, text) VALUES ('delete', old.id, old.text);
    INSERT INTO parts_index (rowid, text) VALUES (new.id, new.text);
END;

CREATE TRIGGER part_goes AFTER DELETE ON parts
WHEN (SELECT state FROM messages WHERE id = old.message_id) <> 'streaming'
BEGIN
    INSERT INTO parts_index (parts_index, rowid, text) VALUES ('delete', old.id, old.text);
END;
