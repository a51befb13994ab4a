"""Read images on disk into an ImageDataset."""
