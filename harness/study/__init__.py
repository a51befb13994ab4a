"""A study on disk: its record, its database and its folders."""
