"""The routes of the pages for people: made on the server, readable without a script."""

from __future__ import annotations

from fastapi import APIRouter

from node.api.web import (
    block_page,
    certificate_page,
    document_page,
    dossier_page,
    look_up_page,
    statistics_page,
    status_page,
    verify_page,
)

__all__ = ["routes"]

routes = APIRouter()

for _page in (
    look_up_page,
    dossier_page,
    block_page,
    certificate_page,
    document_page,
    statistics_page,
    status_page,
    verify_page,
):
    routes.include_router(_page.routes)
