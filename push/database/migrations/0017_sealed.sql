-- What is said to people, why, and where channels reach them is sealed under their own data keys. What is from before is
-- sealed while the server runs, which leaves `content` and `receipt` empty; an address is under the master key until then.
ALTER TABLE messages ADD COLUMN sealed {blob};
ALTER TABLE decisions ADD COLUMN sealed {blob};
ALTER TABLE addresses ADD COLUMN hers INTEGER NOT NULL DEFAULT 0;

CREATE INDEX messages_clear ON messages (id) WHERE sealed IS NULL;
CREATE INDEX decisions_clear ON decisions (id) WHERE sealed IS NULL;
CREATE INDEX addresses_not_hers ON addresses (device, channel) WHERE hers = 0;
