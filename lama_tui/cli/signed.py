"""What a verb says of the signature of a model that has just come: refused, warned of, or nothing."""

from dataclasses import replace
from typing import TYPE_CHECKING

from lama_tui.cli import output

if TYPE_CHECKING:
    from lama_tui.services import Services


async def look(services: "Services", ref: str, revision: str | None, path: str | None) -> None:
    """Do what `library.require_signatures` says with a model that was fetched. Raises `SignatureError`."""
    if services.settings.library.require_signatures == "never":
        return
    from lama_tui.library.installed import describe
    from lama_tui.library.signed import warning

    model = await describe(ref, services.paths)
    if path is not None and revision != model.revision:  # another revision than the one that is used by itself
        model = replace(model, revision=revision, path=path)
    fact = await (await services.signatures()).demand(model)
    if text := warning(ref, fact):
        output.error(text)
