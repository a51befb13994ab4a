"""Runs a study: hands out trials, hears their events and records their outcomes."""
