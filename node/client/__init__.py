"""What an integrator imports: build, sign, submit, wait, verify. Installs without the node.

`SigningKey` holds a member's key, `build_submission` makes a signed record with its disclosures,
`NodeClient` talks to a node, `node.core.verify` checks what it answers.
"""

from node.client.keys import SigningKey
from node.client.records import Submission, build_submission
from node.client.requests import sign_request

__all__ = ["SigningKey", "Submission", "build_submission", "sign_request"]
