-- What the workspace keeps: settings of conversations, unsent text, the use of models.
ALTER TABLE conversations ADD COLUMN settings TEXT NOT NULL DEFAULT '{}'; -- JSON, only what differs from the defaults

-- Text in the composer, one a conversation; 0 is the conversation that has not begun.
CREATE TABLE drafts (
    conversation_id INTEGER PRIMARY KEY,
    text TEXT NOT NULL,
    updated INTEGER NOT NULL
);

CREATE TRIGGER conversation_goes AFTER DELETE ON conversations
BEGIN
    DELETE FROM drafts WHERE conversation_id = old.id;
END;

-- Models by the reference that people use.
CREATE TABLE models (
    ref TEXT PRIMARY KEY,
    last_used INTEGER, -- NULL: never here
    pinned INTEGER NOT NULL DEFAULT 0 -- kept, also when room is needed
);
