-- Journals that are removed a moment after the end of their execution: until then they answer those who
-- wait for it at other processes.
CREATE TABLE outliving_journals (
    execution BLOB NOT NULL PRIMARY KEY,
    -- The end that they are removed after.
    status    TEXT NOT NULL,
    since     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX outliving_journals_since ON outliving_journals (since);
