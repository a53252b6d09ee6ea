-- Revisions of campaigns, and of each version whether it was to be reviewed and when it was in force first.
ALTER TABLE campaigns ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;
ALTER TABLE campaign_versions ADD COLUMN asked_by TEXT;
ALTER TABLE campaign_versions ADD COLUMN asked_ms BIGINT;
ALTER TABLE campaign_versions ADD COLUMN live_ms BIGINT;
UPDATE campaign_versions SET live_ms = made_ms;

-- Whether it is live is said by its state alone from now on.
UPDATE campaigns SET state = 'paused' WHERE definition LIKE '%"live":false%';
UPDATE campaigns SET definition = REPLACE(definition, '"live":false', '"live":true');
UPDATE campaign_versions SET definition = REPLACE(definition, '"live":false', '"live":true');
