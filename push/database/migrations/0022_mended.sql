-- Whether a link rests on the word of who it is about, or of the retailer's systems: what an operator linked by hand makes
-- one person of two, but gives no device the right to take either of them along, or to erase her.
ALTER TABLE links ADD COLUMN vouched INTEGER NOT NULL DEFAULT 1;
UPDATE links SET vouched = 0 WHERE reason = 'linked by hand';

-- Whether a device began its shopper itself, or an operator registered it for somebody. Of those from before, the first
-- device of a shopper whose id was made up is her own.
ALTER TABLE devices ADD COLUMN vouched INTEGER NOT NULL DEFAULT 1;
UPDATE devices SET vouched = 0 WHERE shopper NOT LIKE 'shp!_%' ESCAPE '!' OR EXISTS (
    SELECT 1 FROM devices AS o WHERE o.shopper = devices.shopper
        AND (o.created_ms < devices.created_ms OR (o.created_ms = devices.created_ms AND o.id < devices.id))
);

-- What segments' rules compare with may be somebody's mailbox: the trail keeps that a rule was changed, by whom and when.
UPDATE audit SET before_json = NULL, after_json = NULL WHERE action IN ('put segment', 'delete segment');
