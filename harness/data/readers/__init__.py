"""Readers of images on disk, one format a file."""
