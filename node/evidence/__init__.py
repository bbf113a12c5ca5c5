"""Evidence: from a dossier in the ledger to a bundle that convinces without this node."""
