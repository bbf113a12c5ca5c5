"""The rules: what may be recorded, by whom, and what follows. Pure, and alike on every node."""
