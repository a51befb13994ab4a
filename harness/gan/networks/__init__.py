"""Generators, discriminators and the layers that they are built from."""
