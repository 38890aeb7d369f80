-- For sqlc only, which cannot see that the first migration makes the schema when it is missing.
CREATE SCHEMA openworkflow;
