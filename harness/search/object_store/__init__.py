"""Keep studies in an object store: a local mirror, uploaded while a command runs."""
