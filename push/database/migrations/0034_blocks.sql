-- What was leased of a budget in a block and not sent yet: servers take of blocks that no other holds at the time, so that
-- they do not wait for each other at the budget's one counter. `free` of every block is counted as used there already.
CREATE TABLE budget_blocks (
    id TEXT PRIMARY KEY,
    counter TEXT NOT NULL REFERENCES caps (id) ON DELETE CASCADE,
    free INTEGER NOT NULL
);
CREATE INDEX budget_blocks_free ON budget_blocks (counter) WHERE free > 0;
