"""One person as operators see her: read over all of her facets, masked for whoever may not know, and drawn."""
