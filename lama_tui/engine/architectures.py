"""Which kinds of models the installed mlx-lm can run, told from its files.

Importing mlx-lm takes two seconds and memory, so it is not imported to answer a question about a
model that nobody runs. Nothing here needs MLX.
"""

import ast
import importlib.util
from collections.abc import Mapping
from functools import cache
from pathlib import Path


def supported(model_type: str) -> bool | None:
    """Whether there is code for `model_type`; None where mlx-lm is not installed. Blocks on the disk."""
    folder = _folder()
    if folder is None:
        return None
    model_type = _other_names(folder).get(model_type, model_type)
    names = (f"{model_type}.py", model_type)
    return model_type.isidentifier() and any((folder / "models" / name).exists() for name in names)


@cache
def _folder() -> Path | None:
    try:
        found = importlib.util.find_spec("mlx_lm")  # of a package at the top this imports nothing
    except (ImportError, ValueError):
        return None
    return Path(found.origin).parent if found is not None and found.origin else None


@cache
def _other_names(folder: Path) -> Mapping[str, str]:
    """`MODEL_REMAPPING` of mlx-lm: names of architectures that are run by the code of another one."""
    try:
        module = ast.parse((folder / "utils.py").read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return {}
    for statement in module.body:
        match statement:
            case ast.Assign([ast.Name("MODEL_REMAPPING")], value) | ast.AnnAssign(
                ast.Name("MODEL_REMAPPING"), _, value
            ):
                try:
                    names = ast.literal_eval(value) if value is not None else {}
                except ValueError:
                    return {}
                return names if isinstance(names, dict) else {}
    return {}
