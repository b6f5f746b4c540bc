-- How often it was taken, ever. Each claim has a number of its own, so that what an earlier claim of
-- the same worker still writes is told from what this one does.
ALTER TABLE executions ADD COLUMN claim INTEGER NOT NULL DEFAULT 0;
