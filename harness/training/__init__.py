"""Train, score, save and track one GAN."""
