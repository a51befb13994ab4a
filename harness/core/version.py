"""The version of this package: read by the build, by `harness` itself, and by what records it."""

__version__ = "0.1.0"
