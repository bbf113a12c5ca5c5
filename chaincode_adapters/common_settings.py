"""What the settings of every kind of adapter have in common."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

__all__ = ["Common", "Milliseconds", "Name", "Natural", "Positive"]

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$")]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Natural = Annotated[int, msgspec.Meta(ge=0)]
Milliseconds = Annotated[int, msgspec.Meta(ge=1, le=86_400_000)]


class Common(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"
):
    """``name`` is this adapter's, unique in the node; ``operator`` whoever runs the other side, as
    certificates name it. ``timeout_ms`` bounds every call, ``poll_ms`` is how long to wait before
    asking again, ``in_flight`` how many points may be under way at once. ``begin`` (written
    ``from``) is the point with which a new adapter begins."""

    name: Name
    operator: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    timeout_ms: Milliseconds = 10_000
    poll_ms: Milliseconds = 2_000
    in_flight: Annotated[int, msgspec.Meta(ge=1, le=256)] = 16
    begin: Literal["first", "newest"] = msgspec.field(default="newest", name="from")
