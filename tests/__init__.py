"""Tests of the harness; a regular package, so that no installed one of that name hides it."""
