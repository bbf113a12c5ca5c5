"""``python -m node.cli`` does what ``evidence-node`` does."""

import sys

from node.cli.main import main

sys.exit(main())
