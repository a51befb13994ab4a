"""Say what reports/scale found; figures in it are of the runs that its tables show."""

TEXT = """# Scale

One command repeats the figures, case by case into `results.json`:

    python -m tests.benchmarks.scale --workers 10 100 1000 --trials 10000 --storage sqlite postgres
    python -m tests.benchmarks.scale_spread --trials 250 --seeds 3
"""
