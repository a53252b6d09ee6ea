-- What came of a campaign is asked by campaign: its messages, and the decisions that chose it.
CREATE INDEX messages_by_campaign ON messages (campaign, created_ms);
CREATE INDEX decisions_by_campaign ON decisions (campaign, decided_ms) WHERE campaign IS NOT NULL;
