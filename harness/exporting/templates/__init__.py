"""Hold what is copied into bundles."""
