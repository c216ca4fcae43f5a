"""A small program that renders chat templates, one JSON line in, one JSON line out.

It is run as a script in a process of its own and imports nothing of lama: a template comes
with a model, so it is somebody else's program. Jinja's sandbox keeps it from the machine; the
limits here keep it from our time and memory. SIGPROF, after `seconds` of processor time,
kills this process also inside a single endless expression, which no check in Python could.
"""

import contextlib
import functools
import json
import resource
import signal
import sys
from datetime import datetime
from typing import Any, NoReturn

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.parser
import jinja2.sandbox


class GenerationBlock(jinja2.ext.Extension):
    """`{% generation %}` marks assistant text for training; for us it is its content."""

    tags = {"generation"}  # noqa: RUF012 - jinja's own declaration

    def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
        """Read up to `{% endgeneration %}`."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def raise_exception(message: str) -> NoReturn:
    """What templates call to refuse a conversation."""
    raise jinja2.TemplateError(message)


def strftime_now(form: str) -> str:
    """What templates call for today's date."""
    return datetime.now().strftime(form)


def tojson(value: Any, ensure_ascii: bool = False, indent: int | None = None, **options: Any) -> str:
    """JSON without Jinja's escapes for HTML."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **options)


@functools.lru_cache(maxsize=8)
def compiled(source: str) -> jinja2.Template:
    """The template in the environment that chat templates are written for."""
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[GenerationBlock, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = strftime_now
    return environment.from_string(source)


def render(template: str, variables: dict[str, Any], characters: int) -> dict[str, str]:
    """The prompt, or why there is none; `characters` bounds its length."""
    pieces: list[str] = []
    size = 0
    try:
        for piece in compiled(template).generate(**variables):
            size += len(piece)
            if size > characters:
                return {"error": f"it wrote more than {characters:,} characters"}
            pieces.append(piece)
    except MemoryError:
        return {"error": "it needed too much memory"}
    except RecursionError:
        return {"error": "it calls itself without end"}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:500]}
    return {"text": "".join(pieces)}


def main() -> None:
    """Serve until stdin ends."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    with contextlib.suppress(ValueError, OSError):  # macOS does not keep this limit; the parent watches too
        resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]), int(sys.argv[1])))
    for line in sys.stdin.buffer:
        job = json.loads(line)
        signal.setitimer(signal.ITIMER_PROF, job["seconds"])
        reply = render(job["template"], job["variables"], job["characters"])
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.buffer.write(json.dumps(reply).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
