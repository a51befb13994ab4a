"""Images on disk become an `ImageDataset` of three splits.

`datasets.load_dataset` takes the text of a `DatasetRequest`, lets one of `readers` make a `Source`
of it, and `splitting` divides that; Fashion-MNIST has its own order of places. This room imports
`core` alone, and Keras only to download. A trial trains on `train` and is scored on `validation`.
"""
