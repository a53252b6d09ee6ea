-- Uploaded files lie sealed on disk, each under a key of its own; the key goes when the import ends.
ALTER TABLE people_imports ADD COLUMN file_sealed {blob};
