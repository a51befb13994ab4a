"""Build and train GANs; knows neither FID nor files."""
