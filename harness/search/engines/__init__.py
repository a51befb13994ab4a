"""Run trainings somewhere: in processes of this machine, or on a Ray cluster."""
