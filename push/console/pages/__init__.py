"""The console's pages, one room each: what is read, what it is worth saying, and how it is shown."""
