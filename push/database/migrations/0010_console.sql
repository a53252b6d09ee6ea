-- What the console asks of one store's day.
CREATE INDEX decisions_by_store ON decisions (store, decided_ms);
CREATE INDEX visits_by_store ON visits (store, entered_ms);
