"""The least that a workspace could be: a text area and a footer. Start-up is measured against it."""

from textual.app import App, ComposeResult
from textual.widgets import Footer, TextArea


class Bare(App[None]):
    def compose(self) -> ComposeResult:
        yield TextArea()
        yield Footer()


if __name__ == "__main__":
    Bare().run()
