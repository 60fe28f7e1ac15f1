"""Published models, read: found, checked against their checksums, loaded."""
