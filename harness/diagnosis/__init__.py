"""Examine this machine, a study's folder, and what a sweep will cost.

`environment` and `cost` look at the machine; `consistency` runs the checks of a
study (`study_files`, `study_records`) and mends what disagrees; `dry_run` describes
a sweep. All return `Finding`s. No trial passes here; this room may import everything below the
commands.
"""
