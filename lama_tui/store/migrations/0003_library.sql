-- The model library: what is fetched, what was fetched and with which hashes, what was checked and measured.

-- One fetch of one model. Any instance may add one and wish for something; its owner alone works on it.
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('download', 'update', 'import')),
    ref TEXT NOT NULL, -- the model as people name it: ORG/NAME, or the name under data/models
    source TEXT NOT NULL, -- the hub's endpoint, an address or a path
    revision TEXT NOT NULL DEFAULT 'main', -- as it was asked for
    commit_id TEXT, -- what it was when the job began; NULL: not asked yet
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused', 'waiting', 'done', 'failed', 'cancelled')),
    wish TEXT NOT NULL DEFAULT 'run' CHECK (wish IN ('run', 'pause', 'cancel')),
    why TEXT NOT NULL DEFAULT '', -- of paused and waiting: the reason in words
    error TEXT, -- of failed: JSON of kind, title, detail, hint
    attempts INTEGER NOT NULL DEFAULT 0,
    retry_at INTEGER, -- of waiting: when it is tried again
    options TEXT NOT NULL DEFAULT '{}', -- JSON: what to fetch and how
    cache TEXT NOT NULL DEFAULT '', -- the folder of the hub's cache that it fills; of imports none
    owner TEXT, -- the instance that works on it; NULL: nobody
    done_bytes INTEGER NOT NULL DEFAULT 0,
    total_bytes INTEGER, -- NULL: not known yet
    files_done INTEGER NOT NULL DEFAULT 0,
    files INTEGER, -- NULL: not known yet
    rate REAL, -- bytes a second, as its owner last saw it
    doing TEXT NOT NULL DEFAULT '', -- the file that is being fetched, for other instances to show
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
);
CREATE INDEX jobs_by_state ON jobs (state, id);

CREATE TABLE job_files (
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    path TEXT NOT NULL, -- in the repo, with /
    size INTEGER NOT NULL,
    algorithm TEXT NOT NULL CHECK (algorithm IN ('sha256', 'git-sha1')),
    hash TEXT NOT NULL,
    done INTEGER NOT NULL DEFAULT 0, -- complete, checked, in place
    PRIMARY KEY (job_id, path)
) WITHOUT ROWID;

-- What a model on this disk is known to be: a revision from the hub, or something imported.
CREATE TABLE snapshots (
    id INTEGER PRIMARY KEY,
    ref TEXT NOT NULL,
    revision TEXT NOT NULL, -- the commit; of imports the hash of the list of files
    kind TEXT NOT NULL CHECK (kind IN ('hub', 'import')),
    source TEXT NOT NULL, -- endpoint, address or path that it came from
    path TEXT NOT NULL,
    fetched INTEGER NOT NULL,
    UNIQUE (ref, revision)
);

-- The hashes that its publisher gave, kept to check without the network.
CREATE TABLE snapshot_files (
    snapshot_id INTEGER NOT NULL REFERENCES snapshots (id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    size INTEGER NOT NULL,
    algorithm TEXT NOT NULL CHECK (algorithm IN ('sha256', 'git-sha1')),
    hash TEXT NOT NULL,
    checked INTEGER, -- when its hash was last computed; NULL: never since it was fetched
    ok INTEGER, -- what that said
    mtime_ns INTEGER, -- of the file then
    PRIMARY KEY (snapshot_id, path)
) WITHOUT ROWID;

-- What was found about a model: one row a level and revision.
CREATE TABLE model_checks (
    ref TEXT NOT NULL,
    revision TEXT NOT NULL DEFAULT '',
    level TEXT NOT NULL CHECK (level IN ('complete', 'hashes', 'supported', 'generates', 'benchmarked', 'signature')),
    status TEXT NOT NULL CHECK (status IN ('ok', 'failed', 'unknown')),
    detail TEXT NOT NULL DEFAULT '',
    differences TEXT NOT NULL DEFAULT '[]', -- JSON: pairs of a path and what is wrong with it
    hint TEXT NOT NULL DEFAULT '',
    at INTEGER NOT NULL,
    PRIMARY KEY (ref, revision, level)
) WITHOUT ROWID;

-- Speeds as measured on this machine.
CREATE TABLE measurements (
    id INTEGER PRIMARY KEY,
    ref TEXT NOT NULL,
    revision TEXT NOT NULL DEFAULT '',
    device TEXT NOT NULL,
    architecture TEXT,
    params INTEGER,
    bits INTEGER,
    weights INTEGER NOT NULL, -- bytes in memory
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    prefill_tok_s REAL,
    decode_tok_s REAL,
    ttft_ms REAL,
    peak_memory INTEGER,
    at INTEGER NOT NULL,
    experts INTEGER NOT NULL DEFAULT 0, -- of a mixture: a token reads only a part of the weights; 0 is dense
    runs INTEGER NOT NULL DEFAULT 1 -- that the figures are medians of
);
CREATE INDEX measurements_by_ref ON measurements (ref, at);

-- What the hub has that is newer than what is installed.
CREATE TABLE updates (
    ref TEXT PRIMARY KEY,
    installed TEXT NOT NULL, -- the commit that is here
    newest TEXT NOT NULL, -- the commit that the hub has
    files TEXT NOT NULL DEFAULT '[]', -- JSON: what differs
    bytes INTEGER NOT NULL DEFAULT 0, -- to fetch
    before TEXT NOT NULL DEFAULT '[]', -- JSON: revisions that were in force before, oldest first, to go back to
    refused TEXT, -- the commit that was gone back from: it is not offered again by itself
    checked INTEGER NOT NULL
);

-- When the hub was last asked for newer revisions, and about how many models; one row for who wanted it.
CREATE TABLE update_questions (
    wanted_by TEXT PRIMARY KEY CHECK (wanted_by IN ('lama', 'person')),
    models INTEGER NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;
