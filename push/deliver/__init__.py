"""From the outbox to a channel, with retries, until one of the terminal states. Receipts come back here."""
