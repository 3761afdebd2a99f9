"""Other ways than the latent smoother to fit the unknowns through the decoder."""
