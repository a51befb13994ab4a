"""A FID-driven sweep harness for Keras GANs."""

__version__ = "0.1.0"
