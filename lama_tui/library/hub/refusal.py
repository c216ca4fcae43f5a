"""What an answer of the hub means that is not what was asked for: one of our errors, with what to do."""

import math
from collections.abc import Mapping

from lama_tui.errors import AuthError, LamaError, ModelNotFoundError, ProviderError, RateLimitError
from lama_tui.library.hub.access import HubAccess
from lama_tui.providers.refusal import explanation, retry_after
from lama_tui.security.gate import clean_line
from lama_tui.security.redaction import redact


class HubTrouble(ProviderError):
    """The hub has a problem of its own, which may pass; `retry_after` is in seconds where it said when."""

    def __init__(self, title: str, detail: str = "", hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(title, detail, hint)
        self.args = (title, detail, hint, retry_after)
        self.retry_after = retry_after


def refusal(
    access: HubAccess, status: int, headers: Mapping[str, str], body: bytes, repo: str = "", what: str = ""
) -> LamaError:
    """Return the error for `status`. Header names are lower case; `repo` is empty for a search.

    `what` is the file or the revision that was asked for. `AuthError` and `ModelNotFoundError` stay; what may
    pass are `RateLimitError` and `HubTrouble`.
    """
    code = headers.get("x-error-code", "")
    said = redact(clean_line(headers.get("x-error-message", ""), 300)) or explanation(body)
    detail = f"HTTP {status}: {said}" if said else f"HTTP {status}"
    name, file = clean_line(repo, 120) or "The hub", clean_line(what, 120)
    if status == 429:
        wait = retry_after(headers)
        hint = f"Try again in {math.ceil(wait)} s" if wait is not None else "Try again later"
        return RateLimitError("The hub asks to slow down", detail, hint, wait)
    if status >= 500 or status == 408:
        return HubTrouble("The hub has a problem", detail, "Try again in a moment", retry_after(headers))
    if repo and code == "GatedRepo":
        return _gated(access, name, detail)
    if code == "RevisionNotFound":
        return ModelNotFoundError(f"{name} has no revision {file}", detail, "Use main, or a commit or tag of it")
    if code == "EntryNotFound":
        return ModelNotFoundError(f"{name} has no file {file}", detail, "Choose another revision or model")
    if status == 401 and access.sent_token and code != "RepoNotFound":
        return AuthError(
            "The hub did not accept the token", detail, f"Make a new one at {access.endpoint}/settings/tokens"
        )
    if repo and status in (401, 404):
        why = "a private one needs a" if access.sent_token is None else "a private one needs another"
        return ModelNotFoundError(
            f"{name} is not on the hub", f"No public model has this name; {why} token ({detail})",
            "Check its spelling: `lama search WORDS` finds models",
        )  # fmt: skip
    if status in (401, 403):
        return AuthError(f"{name} does not allow this", detail, "Use a token that may: HF_TOKEN, or `hf auth login`")
    return ProviderError("The hub refused the request", detail, "Check HF_ENDPOINT")


def _gated(access: HubAccess, name: str, detail: str) -> AuthError:
    """Its publisher lets in who has agreed."""
    where = f"{access.endpoint}/{name}"
    if access.sent_token is None:
        return AuthError(
            f"{name} asks for an agreement first",
            f"Its publisher wants to know who uses it, and no token was sent ({detail})",
            f"Accept its terms at {where}, then run `hf auth login` or set HF_TOKEN",
        )
    return AuthError(
        f"{name} asks for an agreement first",
        f"The account of this token has not accepted its terms, or waits to be let in ({detail})",
        f"Accept them at {where}",
    )
