-- A row of the ledger is a turning point: what was said from `at_ms` on, and last said again at `again_ms`, with nothing
-- else in between. `kept_ms` is when this server wrote it down: what one key turns in a day has a limit.
ALTER TABLE consent_history ADD COLUMN again_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE consent_history ADD COLUMN kept_ms BIGINT NOT NULL DEFAULT 0;
UPDATE consent_history SET again_ms = at_ms;

-- Who is to confirm by a link in a mail what waits of her in the ledger. `mailbox` is the keyed hash of the mailbox that was
-- named with it, which is sealed under her key, or empty where mail goes to the mailbox that she registered. `due_ms` is when
-- the next mail is due; NULL: none is.
CREATE TABLE confirmations (
    id TEXT PRIMARY KEY,
    shopper TEXT NOT NULL REFERENCES shoppers (id) ON DELETE CASCADE,
    mailbox TEXT NOT NULL,
    sealed {blob},
    locale TEXT NOT NULL,
    asked_ms BIGINT NOT NULL,
    mails INTEGER NOT NULL,
    due_ms BIGINT,
    state TEXT NOT NULL,
    ended_ms BIGINT
);

CREATE INDEX confirmations_by_shopper ON confirmations (shopper);
CREATE INDEX confirmations_due ON confirmations (due_ms) WHERE due_ms IS NOT NULL;

-- The mails with such a link, each by its delivery; the link itself is nowhere.
CREATE TABLE confirmation_mails (
    delivery TEXT PRIMARY KEY,
    confirmation TEXT NOT NULL REFERENCES confirmations (id) ON DELETE CASCADE,
    mailbox TEXT NOT NULL,
    sent_ms BIGINT NOT NULL,
    ends_ms BIGINT NOT NULL
);

CREATE INDEX confirmation_mails_by_mailbox ON confirmation_mails (mailbox, sent_ms);
CREATE INDEX confirmation_mails_by_time ON confirmation_mails (sent_ms);
CREATE INDEX confirmation_mails_of ON confirmation_mails (confirmation);
