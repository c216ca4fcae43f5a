"""Who signed a model, kept as a fact of its own beside the levels."""

from pathlib import Path

from lama_tui.library.installed import InstalledModel
from lama_tui.library.verify.check import Check, Status
from lama_tui.security.signatures import SignaturePolicy, check_signature


async def check_signed(model: InstalledModel, policy: SignaturePolicy) -> Check:
    """Check the signature, which reads every byte in a child process. Its detail is `signed by …`, `unsigned`,
    `INVALID` or `–`.

    It fails where it is INVALID, and where the policy wants one and there is none that can be trusted.
    """
    place = Path(model.path)
    fact = await check_signature(place.parent if model.format == "gguf" and place.suffix else place, policy)
    status: Status = "unknown"
    if fact.verdict == "signed":
        status = "ok"
    elif fact.verdict == "INVALID" or policy.require == "always":
        status = "failed"
    why = " ".join(filter(None, (fact.detail and f"{fact.detail.rstrip('.')}.", fact.hint)))
    return Check("signature", status, str(fact), hint=why)
