"""Whether the backend can run what the files say they are. Reads names, headers and the config: call in a thread."""

from pathlib import Path

from lama_tui.engine import architectures
from lama_tui.engine.backend import ModelSource
from lama_tui.engine.model_files import GET_MLX, check_folder
from lama_tui.errors import ModelError
from lama_tui.library.gguf_models import NOT_YET
from lama_tui.library.verify.check import Check


def check_supported(ref: str, place: Path) -> Check:
    """Look at the format and the architecture of a model. Never raises."""
    if place.is_file():
        return Check("supported", "failed", NOT_YET, hint=GET_MLX)
    try:
        model = check_folder(ModelSource(ref, str(place)))
    except ModelError as error:
        return Check("supported", "failed", error.title, hint=error.hint)
    except ValueError:  # a NUL or an undecodable name
        return Check("supported", "failed", "Its name is not a path", hint=GET_MLX)
    known = architectures.supported(model.model_type)
    if model.code is not None and known is not None:
        return Check("supported", "ok", f"safetensors, {model.model_type[:80]}; brings code: asks before it runs")
    match known:
        case None:
            return Check(
                "supported", "unknown", "MLX is not installed on this machine", hint="`lama doctor` says more."
            )
        case False:
            detail = f"Its architecture {model.model_type[:80]} is unknown to this mlx-lm"
            return Check("supported", "failed", detail, hint=GET_MLX)
    return Check("supported", "ok", f"safetensors, {model.model_type[:80]}")


def is_another_kind(check: Check) -> bool:
    """Whether nothing is wrong with the files: they are of a kind that this lama does not run."""
    return (check.level, check.status, check.hint) == ("supported", "failed", GET_MLX)
