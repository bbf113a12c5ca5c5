"""Where a node keeps what it has: the Store and Segments ports and what implements them."""
