"""Imprints of seals (印模), drawn as vectors, and the typefaces and typesetting behind them."""
