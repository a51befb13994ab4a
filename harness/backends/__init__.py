"""Where workers run: processes of this machine, or actors on a Ray cluster."""
