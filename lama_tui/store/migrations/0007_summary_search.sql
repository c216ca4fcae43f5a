-- Summaries are searched too: they hold what somebody may look for in words that nobody said.
CREATE VIRTUAL TABLE summaries_index USING fts5 (
    text, content = 'summaries', content_rowid = 'message_id', tokenize = 'unicode61 remove_diacritics 2'
);

INSERT INTO summaries_index (rowid, text) SELECT message_id, text FROM summaries;

CREATE TRIGGER summary_comes AFTER INSERT ON summaries
BEGIN
    INSERT INTO summaries_index (rowid, text) VALUES (new.message_id, new.text);
END;

CREATE TRIGGER summary_changes AFTER UPDATE OF text ON summaries
BEGIN
    INSERT INTO summaries_index (summaries_index, rowid, text) VALUES ('delete', old.message_id, old.text);
    INSERT INTO summaries_index (rowid, text) VALUES (new.message_id, new.text);
END;

CREATE TRIGGER summary_goes AFTER DELETE ON summaries
BEGIN
    INSERT INTO summaries_index (summaries_index, rowid, text) VALUES ('delete', old.message_id, old.text);
END;
