-- Pools of coupons, and their codes: found by a keyed hash, readable under the pool's key, and then under hers who has one.
CREATE TABLE coupon_pools (
    id TEXT PRIMARY KEY,
    definition TEXT NOT NULL,
    key_sealed {blob} NOT NULL,
    changed_by TEXT NOT NULL,
    updated_ms BIGINT NOT NULL
);

-- `shopper` of one that is not taken: whom it was given back from, whose key seals it. `said`: how many messages say it.
CREATE TABLE coupons (
    id TEXT PRIMARY KEY,
    pool TEXT NOT NULL,
    sealed {blob},
    shopper TEXT,
    campaign TEXT,
    message TEXT,
    said BIGINT NOT NULL DEFAULT 0,
    taken_ms BIGINT,
    expires_ms BIGINT,
    redeemed_ms BIGINT,
    redeemed_store TEXT,
    receipt TEXT
);

CREATE INDEX coupons_of_pool ON coupons (pool, taken_ms, redeemed_ms);
CREATE INDEX coupons_by_shopper ON coupons (shopper) WHERE shopper IS NOT NULL;
CREATE INDEX coupons_by_message ON coupons (message) WHERE message IS NOT NULL;
CREATE INDEX coupons_by_end ON coupons (expires_ms) WHERE expires_ms IS NOT NULL;
