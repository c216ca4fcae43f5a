"""Any order of sending, regenerating, choosing, resuming and deleting, against a plain model."""

import asyncio
import shutil
import tempfile
from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lama_tui.conversations.table import Conversations
from lama_tui.paths import Paths
from lama_tui.store.database import Database

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zl", "Zp"]), min_size=1, max_size=20)
ENDED = st.sampled_from(["complete", "stopped", "interrupted", "failed"])


@dataclass
class Node:
    parent: int | None
    role: str
    state: str
    text: str


@dataclass
class Tree:
    head: int | None = None
    deleted: bool = False
    nodes: dict[int, Node] = field(default_factory=dict)

    def path(self):
        path, at = [], self.head
        while at is not None:
            path.append(at)
            at = self.nodes[at].parent
        return path[::-1]

    def siblings(self, message):
        parent = self.nodes[message].parent
        return sorted(key for key, node in self.nodes.items() if node.parent == parent)

    def newest_leaf(self, message):
        children = [key for key, node in self.nodes.items() if node.parent == message]
        return max([message, *(self.newest_leaf(child) for child in children)])


PICK = st.integers(0, 1000)  # which of the things there are, counted round


def states(*wanted):
    """Some answer is in one of these states."""
    return precondition(lambda self: self.answers(*wanted))


class Growing(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.home = tempfile.mkdtemp()
        self.runner = asyncio.Runner()
        self.trees = {}
        self.open()

    def run(self, coroutine):
        return self.runner.run(coroutine)

    def open(self):
        self.database = self.run(Database.open(Paths.from_environment({"LAMA_HOME": self.home})))
        self.table = Conversations(self.database)

    def answers(self, *wanted):
        return [
            (tree, key)
            for tree in self.trees.values()
            for key, node in tree.nodes.items()
            if node.role == "assistant" and (not wanted or node.state in wanted)
        ]

    def pick(self, number, *wanted):
        found = self.answers(*wanted)
        tree, key = found[number % len(found)]
        return tree, key, tree.nodes[key]

    def pick_conversation(self, number):
        return sorted(self.trees)[number % len(self.trees)]

    @initialize()
    def begin(self):
        self.create()

    @rule()
    def create(self):
        self.trees[self.run(self.table.create())] = Tree()

    @rule(number=PICK, text=TEXT)
    def send(self, number, text):
        conversation = self.pick_conversation(number)
        question, answer = self.run(self.table.add_turn(conversation, text, "m"))
        tree = self.trees[conversation]
        tree.deleted = False  # what is said there brings it back
        tree.nodes[question] = Node(tree.head, "user", "complete", text)
        tree.nodes[answer] = Node(question, "assistant", "streaming", "")
        tree.head = answer

    @states()
    @rule(number=PICK)
    def regenerate(self, number):
        tree, answer, node = self.pick(number)
        tree.deleted = False
        tree.head = self.run(self.table.add_sibling(answer, "m"))
        tree.nodes[tree.head] = Node(node.parent, "assistant", "streaming", "")

    @states("streaming")
    @rule(number=PICK, more=TEXT)
    def stream(self, number, more):
        _, answer, node = self.pick(number, "streaming")
        node.text += more
        self.run(self.table.checkpoint(answer, node.text, ""))

    @states("streaming")
    @rule(number=PICK, more=TEXT, state=ENDED)
    def end(self, number, more, state):
        _, answer, node = self.pick(number, "streaming")
        node.text += more
        node.state = state
        self.run(self.table.finish(answer, state, text=node.text))

    @states("complete", "stopped", "interrupted", "failed")
    @rule(number=PICK)
    def resume(self, number):
        _, answer, node = self.pick(number, "complete", "stopped", "interrupted", "failed")
        self.run(self.table.resume(answer))
        node.state = "streaming"

    @rule()
    def crash(self):
        """The program goes and comes back; what streamed is at its last checkpoint."""
        self.run(self.database.close())
        self.open()
        lost = self.answers("streaming")
        assert self.run(self.table.recover()) == len(lost)
        for tree, key in lost:
            tree.nodes[key].state = "interrupted"

    @states()
    @rule(number=PICK, step=st.integers(-3, 3))
    def select(self, number, step):
        tree, answer, _ = self.pick(number)
        self.run(self.table.select_sibling(answer, step))
        siblings = tree.siblings(answer)
        chosen = siblings[min(max(siblings.index(answer) + step, 0), len(siblings) - 1)]
        tree.head = tree.newest_leaf(chosen)

    @rule(number=PICK)
    def delete(self, number):
        conversation = self.pick_conversation(number)
        self.run(self.table.delete(conversation))
        self.trees[conversation].deleted = True

    @rule(number=PICK)
    def restore(self, number):
        conversation = self.pick_conversation(number)
        self.run(self.table.restore(conversation))
        self.trees[conversation].deleted = False

    @invariant()
    def the_shown_path_is_the_models(self):
        for conversation, tree in self.trees.items():
            shown = self.run(self.table.messages(conversation))
            path = tree.path()
            assert [message.id for message in shown] == path
            for message in shown:
                node = tree.nodes[message.id]
                siblings = tree.siblings(message.id)
                assert (message.role, message.state, message.text) == (node.role, node.state, node.text)
                assert (message.sibling, message.siblings) == (siblings.index(message.id) + 1, len(siblings))

    @invariant()
    def the_list_has_what_is_not_deleted(self):
        listed = {found.id: found for found in self.run(self.table.list())}
        assert set(listed) == {key for key, tree in self.trees.items() if not tree.deleted}
        for key, found in listed.items():
            tree = self.trees[key]
            assert found.interrupted == (tree.head is not None and tree.nodes[tree.head].state == "interrupted")

    def teardown(self):
        settled = [node for tree in self.trees.values() for node in tree.nodes.values() if node.state != "streaming"]
        indexed = self.run(self.database.read("SELECT count(*) FROM parts_index_docsize"))[0][0]
        assert indexed == sum(bool(node.text) for node in settled)
        self.run(self.database.close())
        self.runner.close()
        shutil.rmtree(self.home)


TestGrowing = Growing.TestCase
TestGrowing.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
