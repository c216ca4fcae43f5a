"""Templates under limits, in the child and through the engine."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lama_tui.engine import chat_template
from lama_tui.engine.backend import ModelSource
from lama_tui.engine.chat_template import TemplateRenderer
from lama_tui.errors import InferenceError
from lama_tui.events import StreamEvent, StreamFinished, TextDelta
from tests.engine.conftest import Rig
from tests.models import make_tiny_llama

MESSAGES = {"messages": [{"role": "user", "content": "hi"}], "add_generation_prompt": True}


@pytest.fixture(autouse=True)
def _starved(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second of the processor may take longer than it waits for, where others have the machine."""
    monkeypatch.setattr(chat_template, "WALL_SECONDS", 120.0)


@pytest.fixture
def renderer() -> Iterator[TemplateRenderer]:
    renderer = TemplateRenderer()
    yield renderer
    renderer.close()


def test_what_chat_templates_use(renderer: TemplateRenderer) -> None:
    template = """{%- for m in messages %}
    {%- if m.role == 'system' %}{% continue %}{% endif %}
{% generation %}{{ m['content'] | trim }}{% endgeneration %}{{ {'a': 'é<'} | tojson }}
{%- set ns = namespace(x=1) %}{% set ns.x = ns.x + 1 %}{{ ns.x }}{{ strftime_now('%%') }}
{%- endfor %}"""
    assert renderer.render(template, MESSAGES) == 'hi{"a": "é<"}2%'


def test_the_child_is_kept(renderer: TemplateRenderer) -> None:
    renderer.render("x", {})
    child = renderer._child
    assert child is not None
    for _ in range(50):
        assert renderer.render("{{ messages[0].content }}", MESSAGES) == "hi"
    assert renderer._child is child and child.poll() is None


HOSTILE = {
    "raises": ("{{ raise_exception('only users please') }}", "only users please"),
    "is not a template": ("{% if %}", "TemplateSyntaxError"),
    "looks inside": ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "SecurityError"),
    "changes its input": ("{{ messages.append(1) }}", "SecurityError"),
    "never ends": (
        "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}"
        "{% endfor %}{% endfor %}{% endfor %}",
        "longer than a second",
    ),
    "never ends in one expression": ("{{ 9 ** (9 ** 9) }}", "longer than a second"),
    "takes gigabytes in a filter": ("{{ range(99999) | join(range(99999) | join) | length }}", "too much memory"),
    "calls itself": ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "calls itself"),
    "writes gigabytes": ("{% for a in range(99999) %}{{ 'x' * 100000 }}{% endfor %}", "more than 16,777,216"),
    "takes gigabytes": ("{{ 'x' * 10 ** 12 }}", "too much memory"),
    "takes gigabytes slowly": (
        "{% set n = namespace(x='x') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
        "too much memory|longer than a second",  # the latter on a busy machine
    ),
    "raises gigabytes": ("{{ raise_exception('x' * 10000000) }}", "xxx"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_templates_are_stopped_and_honest_ones_work_again(renderer: TemplateRenderer, case: str) -> None:
    template, says = HOSTILE[case]
    with pytest.raises(InferenceError) as caught:
        renderer.render(template, MESSAGES)
    assert any(said in caught.value.detail for said in says.split("|"))
    assert caught.value.hint and len(str(caught.value)) < 1000
    assert renderer.render("{{ messages[0].content }}", MESSAGES) == "hi"


def test_memory_is_watched_where_the_system_does_not(
    renderer: TemplateRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """macOS does not enforce RLIMIT_AS: the child gets none here, and the parent sees what it takes."""
    renderer.start()
    renderer.render("x", {})
    monkeypatch.setattr(chat_template, "MEMORY", 8 * 1024**2)  # less than the running child has
    with pytest.raises(InferenceError, match="too much memory"):
        renderer.render("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", MESSAGES)


def test_a_child_that_was_killed_is_replaced(renderer: TemplateRenderer) -> None:
    renderer.render("x", {})
    assert renderer._child is not None
    renderer._child.kill()
    renderer._child.wait()
    assert renderer.render("y", {}) == "y"


def with_template(base: ModelSource, folder: Path, template: str) -> ModelSource:
    shutil.copytree(base.folder, folder)
    (folder / "chat_template.jinja").write_text(template)
    return ModelSource(folder.name, str(folder))


async def test_a_template_that_never_ends_fails_its_request_only(mlx: Rig, tmp_path: Path) -> None:
    bad = with_template(mlx.first, tmp_path / "endless", HOSTILE["never ends"][0])
    with pytest.raises(InferenceError, match="longer than a second"):
        await mlx.answer(mlx.request(bad))
    assert isinstance((await mlx.answer(mlx.request()))[-1], StreamFinished)


async def test_a_template_that_writes_nothing(mlx: Rig, tmp_path: Path) -> None:
    with pytest.raises(InferenceError, match="prompt is empty"):
        await mlx.answer(mlx.request(with_template(mlx.first, tmp_path / "empty", "{# nothing #}")))


async def test_a_model_without_a_template_is_asked_plainly_and_says_so(mlx: Rig, tmp_path: Path) -> None:
    folder = make_tiny_llama(tmp_path / "plain", template=None)
    source = ModelSource("plain", str(folder))
    model = await mlx.engine.load(source)
    assert model.chat_template is False
    events: list[StreamEvent] = await mlx.answer(mlx.request(source, tokens=3, text="hi"))
    last = events[-1]
    assert isinstance(last, StreamFinished) and last.usage.prompt_tokens == len("User: hi\nAssistant:")
    assert any(isinstance(event, TextDelta) for event in events)
