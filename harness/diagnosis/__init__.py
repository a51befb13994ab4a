"""Examine this machine, a study's folder, and what a sweep will cost."""
