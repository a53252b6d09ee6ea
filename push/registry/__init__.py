"""Who and what is registered: records in the database, a snapshot in memory, and the resolver of ids on the air."""
