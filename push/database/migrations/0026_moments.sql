-- How surely a moment happened, and whether anything may answer it.
ALTER TABLE moments ADD COLUMN confidence DOUBLE PRECISION NOT NULL DEFAULT 1;
ALTER TABLE moments ADD COLUMN triggers INTEGER NOT NULL DEFAULT 1;
