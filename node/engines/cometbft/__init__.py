"""The engine of a consortium: CometBFT 0.38 orders the frames, the application here judges them."""
