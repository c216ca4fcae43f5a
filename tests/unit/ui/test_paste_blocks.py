"""Pasted blocks in the composer's document: whatever is done to it, what is sent is what was typed and pasted."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lama_tui.conversations.pasted import label, plain
from lama_tui.ui.composer.paste_blocks import PasteBlocks, is_large

TYPED = st.text(st.sampled_from("ab [],0123456789pasted lines\n.kB"), max_size=12) | st.text(max_size=6)
PASTED = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30) | st.just("x\n" * 1234)


def test_what_is_large() -> None:
    assert not is_large("a\n" * 10) and not is_large("x" * 2000)
    assert is_large("a\n" * 11) and is_large("x" * 2001) and is_large("a\n" * 10 + "b")


@given(PASTED)
def test_a_label_typed_by_hand_is_not_a_block(text: str) -> None:
    blocks = PasteBlocks()
    stands = blocks.add(text)
    assert blocks.shown(stands) == label(text) != stands
    assert blocks.spans(label(text)) == []
    assert blocks.expanded(blocks.safe(label(text))) == label(text)


@given(TYPED, PASTED, TYPED, PASTED)
def test_it_is_the_same_in_another_composer(before: str, one: str, between: str, two: str) -> None:
    here, there = PasteBlocks(), PasteBlocks()
    text = here.safe(before) + here.add(one) + here.safe(between) + here.add(two)
    again = there.document(here.marked(text))
    assert there.expanded(again) == here.expanded(text) == plain(here.marked(text))
    assert [span.text for span in there.spans(again)] == [span.text for span in here.spans(text)]


@given(TYPED, PASTED, TYPED, TYPED)
def test_blocks_that_an_editor_left_alone_stay_blocks(before: str, pasted: str, after: str, edit: str) -> None:
    blocks = PasteBlocks()
    text = blocks.safe(before) + blocks.add(pasted) + blocks.safe(after)
    edited = blocks.expanded(text) + edit
    folded = blocks.folded(edited, text)
    assert blocks.expanded(folded) == blocks.expanded(blocks.safe(edited))
    assert len(blocks.spans(folded)) == 1
    assert blocks.spans(blocks.folded("something else entirely"[:0], text)) == []


class Edits(RuleBasedStateMachine):
    """A document beside a list of characters and blocks, which is what a person thinks of."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = PasteBlocks()
        self.document = ""
        self.model: list[str] = []  # each entry is a typed character, or all of a block
        self.sizes: list[int] = []  # how much of the document each takes
        self.past: list[tuple[str, list[str], list[int]]] = []

    def _remember(self) -> None:
        self.past.append((self.document, list(self.model), list(self.sizes)))

    def _put(self, at: int, stands: str, entries: list[str], sizes: list[int]) -> None:
        self._remember()
        at = at % (len(self.model) + 1)
        place = sum(self.sizes[:at])
        self.document = self.document[:place] + stands + self.document[place:]
        self.model[at:at] = entries
        self.sizes[at:at] = sizes

    @rule(at=st.integers(0, 99), text=TYPED)
    def types(self, at: int, text: str) -> None:
        text = self.blocks.safe(text)
        self._put(at, text, list(text), [1] * len(text))

    @rule(at=st.integers(0, 99), text=PASTED)
    def pastes(self, at: int, text: str) -> None:
        stands = self.blocks.add(text)
        self._put(at, stands, [self.blocks.expanded(stands)], [len(stands)])

    @rule(at=st.integers(0, 99), count=st.integers(1, 4))
    def deletes(self, at: int, count: int) -> None:
        self._remember()
        at = at % (len(self.model) + 1)
        start, end = sum(self.sizes[:at]), sum(self.sizes[: at + count])
        self.document = self.document[:start] + self.document[end:]
        del self.model[at : at + count], self.sizes[at : at + count]

    @rule(at=st.integers(0, 99))
    def opens(self, at: int) -> None:
        spans = self.blocks.spans(self.document)
        if spans:
            self._remember()
            span = spans[at % len(spans)]
            index = next(i for i in range(len(self.sizes)) if sum(self.sizes[:i]) == span.start)
            self.document = self.document[: span.start] + span.text + self.document[span.end :]
            self.model[index : index + 1] = list(span.text)
            self.sizes[index : index + 1] = [1] * len(span.text)

    @rule()
    def undoes(self) -> None:
        if self.past:
            self.document, self.model, self.sizes = self.past.pop()

    @rule()
    def saves_and_restores(self) -> None:
        restored = PasteBlocks()
        document = restored.document(self.blocks.marked(self.document))
        assert restored.expanded(document) == "".join(self.model)

    @invariant()
    def what_is_sent_is_all_of_it(self) -> None:
        assert self.blocks.expanded(self.document) == "".join(self.model)
        assert plain(self.blocks.marked(self.document)) == "".join(self.model)


TestEdits = Edits.TestCase
