-- Picks of campaigns look for the cheapest of a category, by the beginning of its spelling, or of a brand. PostgreSQL takes
-- no more than 2,704 bytes into an index, so of a long category the beginning alone.
CREATE INDEX products_by_category ON products ((substr(category, 1, 300)){c}, price_minor, id)
WHERE gone = 0 AND sensitive = 0;
CREATE INDEX products_by_brand ON products (brand, price_minor, id) WHERE gone = 0 AND sensitive = 0;
