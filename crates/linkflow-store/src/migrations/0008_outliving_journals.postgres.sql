-- Journals that are removed a moment after the end of their execution: until then they answer those who
-- wait for it at other processes.
CREATE TABLE outliving_journals (
    execution UUID NOT NULL PRIMARY KEY,
    -- The end that they are removed after.
    status    TEXT NOT NULL,
    since     BIGINT NOT NULL
);

CREATE INDEX outliving_journals_since ON outliving_journals (since);
