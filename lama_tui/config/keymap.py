"""Every key of the app: its stable id, its default keys, what it does.

The UI builds its bindings from here, the palette, the slash commands and `lama config keys` list it,
help is generated from it, and the guide's corpus is tested against it. Ids are contracts: `[keys]`
rebinds by id.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

Scope = Literal[
    "app",
    "workspace",
    "composer",
    "transcript",
    "conversations",
    "models",
    "installed",
    "hub",
    "downloads",
    "updates",
    "cleaning",
    "chooser",
    "settings",
    "log",
    "dialog",
    "list",
]
"""Where a key works: `app` everywhere, `workspace` in all its panes, `list` in every list and page that can be
moved in, the others where they are named for."""


@dataclass(frozen=True, slots=True)
class Key:
    """One binding. `keys` are Textual key names, comma separated; `label` fits a footer.

    `command` is what the composer knows it by after a slash; empty where that makes no sense. `shown`
    in the line of keys is what matters most there.
    """

    id: str
    scope: Scope
    keys: str
    action: str
    label: str
    tooltip: str
    show: bool = False
    command: str = ""


# fmt: off
KEYMAP: tuple[Key, ...] = (
    # everywhere
    Key("palette.open", "app", "ctrl+p", "command_palette", "Palette", "Find any action by name", True),
    Key("help.open", "app", "f1", "help", "Help", "Show every key that works here", True, "help"),
    Key("app.redraw", "app", "f5", "redraw", "Redraw", "Draw the whole screen again", command="redraw"),
    Key("app.suspend", "app", "ctrl+z", "suspend_process", "Suspend", "Go back to the shell; `fg` returns"),
    Key("theme.choose", "app", "f7", "choose_theme", "Theme", "Choose the colours", command="theme"),
    Key("log.open", "app", "f8", "show_log", "Log", "Show what went wrong lately", command="log"),
    Key("app.quit", "app", "ctrl+q", "quit", "Quit", "Save everything and quit", True, "quit"),
    # everywhere in the workspace
    Key("conversation.new", "workspace", "ctrl+n", "new_conversation", "New", "Start a new conversation", True, "new"),
    Key("conversation.list", "workspace", "ctrl+s", "show_conversations", "List",
        "Go to the list of conversations; from there, hide it", True, "conversations"),
    Key("search.open", "workspace", "ctrl+f", "search", "Search", "Search in all conversations", True, "search"),
    Key("models.open", "workspace", "ctrl+l", "browse_models", "Models", "Open the model browser", True, "models"),
    Key("models.pick", "workspace", "f6", "choose_model", "Model",
        "Choose the model of this conversation", command="model"),
    Key("hub.open", "workspace", "f10", "search_hub", "Search the hub",
        "Find a model on the hub and download it", command="hub"),
    Key("downloads.open", "workspace", "f11", "show_downloads", "Show downloads",
        "Show what is downloaded, and how far it is", command="downloads"),
    Key("updates.open", "workspace", "ctrl+backslash", "show_updates", "Show updates",
        "Show which models have a newer revision", command="updates"),
    Key("monitor.toggle", "workspace", "ctrl+g", "toggle_monitor", "Monitor",
        "Show the monitor as a pane, as a strip, or not", True, "monitor"),
    Key("thinking.toggle", "workspace", "ctrl+t", "toggle_thinking", "Thinking",
        "Let the model think before it answers, or not", command="think"),
    Key("conversation.settings", "workspace", "f3", "conversation_settings", "Chat settings",
        "System prompt, temperature and limits of this conversation", command="system"),
    Key("settings.open", "workspace", "f4", "settings", "Settings", "Change the settings of lama", command="settings"),
    Key("app.copy", "workspace", "ctrl+c", "copy_or_clear", "Copy",
        "Copy the selection, else clear what is typed, else stop the answer"),
    Key("app.stop", "workspace", "escape", "stop_or_leave", "Stop",
        "Stop the answer; when nothing runs, go to the transcript", command="stop"),
    Key("focus.next", "workspace", "tab", "next_pane", "Next pane", "Move to the next pane"),
    Key("focus.previous", "workspace", "shift+tab", "previous_pane", "Previous pane", "Move to the previous pane"),
    # typing
    Key("composer.send", "composer", "enter", "send", "Send", "Send the message; while an answer streams, queue it"),
    Key("composer.newline", "composer", "shift+enter,ctrl+j", "newline", "New line", "Start a new line"),
    Key("composer.previous", "composer", "up", "up_or_previous", "Previous",
        "On the first line: take the queued message back, else what you wrote before"),
    Key("composer.next", "composer", "down", "down_or_next", "Next prompt",
        "On the last line: what you wrote after that"),
    Key("composer.history", "composer", "ctrl+r", "search_history", "History",
        "Search in what you wrote before", command="history"),
    Key("composer.editor", "composer", "ctrl+o", "open_editor", "Editor",
        "Write in your own editor ($VISUAL or $EDITOR)", command="editor"),
    Key("composer.open_paste", "composer", "f9", "open_paste", "Open paste",
        "Turn the pasted block at the cursor into text"),
    Key("composer.undo", "composer", "ctrl+underscore", "undo", "Undo", "Undo the last typing"),
    Key("composer.redo", "composer", "ctrl+circumflex_accent", "redo", "Redo", "Do again what was undone"),
    Key("composer.left", "composer", "left", "cursor_left", "Left", "Move a character to the left"),
    Key("composer.right", "composer", "right", "cursor_right", "Right", "Move a character to the right"),
    Key("composer.word_left", "composer", "ctrl+left", "cursor_word_left", "Word left", "Move a word to the left"),
    Key("composer.word_right", "composer", "ctrl+right", "cursor_word_right", "Word right", "Move a word to the right"),
    Key("composer.line_start", "composer", "home,ctrl+a", "cursor_line_start", "Line start",
        "Move to the start of the line"),
    Key("composer.line_end", "composer", "end,ctrl+e", "cursor_line_end", "Line end", "Move to the end of the line"),
    Key("composer.delete", "composer", "delete,ctrl+d", "delete_right", "Delete", "Delete the character at the cursor"),
    Key("composer.cut_word", "composer", "ctrl+w", "cut_word", "Cut word", "Cut the word before the cursor"),
    Key("composer.cut_to_start", "composer", "ctrl+u", "cut_to_start", "Cut to start",
        "Cut from the start of the line to the cursor"),
    Key("composer.cut_to_end", "composer", "ctrl+k", "cut_to_end", "Cut to end",
        "Cut from the cursor to the end of the line"),
    Key("composer.put_back", "composer", "ctrl+y", "put_back", "Put back", "Insert what was cut last"),
    Key("composer.page_up", "composer", "pageup", "scroll_transcript(-1)", "Scroll up",
        "Scroll the transcript up a page"),
    Key("composer.page_down", "composer", "pagedown", "scroll_transcript(1)", "Scroll down",
        "Scroll the transcript down a page"),
    # reading
    Key("transcript.next", "transcript", "j", "next_message", "Next", "Go to the next message", True),
    Key("transcript.previous", "transcript", "k", "previous_message", "Previous", "Go to the previous message", True),
    Key("transcript.first", "transcript", "g", "first_message", "First", "Go to the first message"),
    Key("transcript.last", "transcript", "G", "last_message", "Last", "Go to the last message and follow it"),
    Key("transcript.next_code", "transcript", "b", "next_code", "Next code", "Go to the next block of code"),
    Key("transcript.previous_code", "transcript", "B", "previous_code", "Previous code",
        "Go to the previous block of code"),
    Key("transcript.page_up", "transcript", "pageup", "page_up", "Page up", "Scroll up a page"),
    Key("transcript.page_down", "transcript", "pagedown", "page_down", "Page down", "Scroll down a page"),
    Key("transcript.half_up", "transcript", "ctrl+u", "half_up", "Half up", "Scroll up half a page"),
    Key("transcript.half_down", "transcript", "ctrl+d", "half_down", "Half down", "Scroll down half a page"),
    Key("transcript.copy", "transcript", "y", "copy_message", "Copy",
        "Copy the message, or the range that was begun", True, "copy"),
    Key("transcript.copy_code", "transcript", "Y", "copy_code", "Copy code",
        "Copy the block of code", command="copy-code"),
    Key("transcript.range", "transcript", "v", "begin_range", "Range",
        "Begin a range of lines; moving extends it, copy takes it"),
    Key("transcript.regenerate", "transcript", "r", "regenerate", "Regenerate",
        "Answer again; the old answer is kept beside the new one", True, "regenerate"),
    Key("transcript.edit", "transcript", "e", "edit_message", "Edit",
        "Write your message again; the old one is kept beside it", True, "edit"),
    Key("transcript.fork", "transcript", "f", "fork", "Fork",
        "Go on from this message in a new conversation", command="fork"),
    Key("transcript.pin", "transcript", "p", "pin", "Pin",
        "Keep this message and its turn in the model's view, or not", command="pin"),
    Key("transcript.compact", "transcript", "m", "compact", "Compact",
        "Have the model summarize all but the last turns; they stay, and are read no more", command="compact"),
    Key("transcript.delete_summary", "transcript", "delete", "delete_summary", "Delete summary",
        "Delete a summary: the model reads again what it stood for"),
    Key("transcript.continue", "transcript", "c", "continue_answer", "Continue",
        "Continue an answer that was stopped or interrupted", True, "continue"),
    Key("transcript.older", "transcript", "left_square_bracket", "sibling(-1)", "Older answer",
        "Show the answer before this one"),
    Key("transcript.newer", "transcript", "right_square_bracket", "sibling(1)", "Newer answer",
        "Show the answer after this one"),
    Key("transcript.fold", "transcript", "space", "fold", "Fold", "Fold or unfold the message or its reasoning"),
    Key("transcript.figures", "transcript", "s", "figures", "Figures",
        "Show what each answer cost: tokens, cached, speed, first token", command="figures"),
    Key("transcript.export", "transcript", "x", "export", "Export",
        "Write this conversation to a Markdown or JSON file", command="export"),
    Key("transcript.compose", "transcript", "i", "compose", "Write", "Go to the composer", True),
    # the list of conversations
    Key("conversations.open", "conversations", "enter", "open", "Open", "Open this conversation", True),
    Key("conversations.rename", "conversations", "f2", "rename", "Rename",
        "Give this conversation another title", True, "rename"),
    Key("conversations.delete", "conversations", "delete", "delete", "Delete",
        "Delete this conversation; it can be brought back", True),
    Key("conversations.undo", "conversations", "u", "undo_delete", "Undo delete",
        "Bring back the conversation that was deleted last", True),
    # the model browser: its installed models, and below what works in all of its sections
    Key("models.use", "installed", "enter", "use", "Use", "Use this model in this conversation", True),
    Key("models.load", "installed", "l", "load", "Load", "Load this model into memory, or unload it", True),
    Key("models.pin", "installed", "p", "pin", "Pin", "Keep this model, or let it go when room is needed", True),
    Key("models.default", "installed", "d", "set_default", "Default", "Use this model in new conversations", True),
    Key("models.remove", "installed", "delete", "remove", "Remove",
        "See what removing this model would free, and remove it", True),
    Key("models.verify", "installed", "v", "verify", "Verify", "Check the files of this model, level by level", True),
    Key("models.bench", "installed", "b", "bench", "Measure",
        "Measure how fast this model reads and writes here", True),
    Key("models.program", "installed", "o", "program", "Program",
        "Read the program that this model brings, and let it run or not"),
    Key("models.clean", "installed", "c", "clean", "Clean up",
        "See what takes room, and choose what goes", True),
    Key("models.filter", "models", "slash", "filter", "Filter", "Narrow the list; on the hub, search", True),
    Key("models.more_context", "models", "plus", "context(1)", "More context", "See whether it fits a longer context"),
    Key("models.less_context", "models", "minus", "context(-1)", "Less context",
        "See whether it fits a shorter context"),
    Key("models.import", "models", "i", "import_model", "Import",
        "Bring in a model from this disk, or from an address", True, "import"),
    Key("models.next_section", "models", "right_square_bracket", "section(1)", "Next section",
        "Go to the next section of the browser", True),
    Key("models.previous_section", "models", "left_square_bracket", "section(-1)", "Previous section",
        "Go to the section before"),
    Key("hub.download", "hub", "d", "download", "Download", "Download this model, in the background", True),
    Key("hub.read", "hub", "enter", "read", "Read", "Go to the details and the model card, to scroll them", True),
    Key("hub.sort", "hub", "s", "narrow('sort')", "Sort",
        "Sort by downloads, likes, how recent, what fits best", True),
    Key("hub.bits", "hub", "b", "narrow('bits')", "Bits", "Show only models of so many bits a weight", True),
    Key("hub.size", "hub", "z", "narrow('size')", "Size", "Show only models up to a size", True),
    Key("hub.format", "hub", "f", "narrow('format')", "Format", "Show models in MLX format, or GGUF files", True),
    Key("hub.author", "hub", "a", "narrow('author')", "Author",
        "Show only models of this publisher, or of all again", True),
    Key("hub.again", "hub", "r", "again", "Ask again", "Ask the hub again"),
    Key("downloads.pause", "downloads", "p", "pause", "Pause", "Pause this download, or go on with it", True),
    Key("downloads.cancel", "downloads", "x", "cancel", "Cancel", "Give this download up", True),
    Key("downloads.retry", "downloads", "r", "retry", "Retry", "Try again now", True),
    Key("downloads.forget", "downloads", "delete", "forget", "Forget",
        "Take what has ended off the list; files stay", True),
    Key("downloads.use", "downloads", "enter", "use", "Use", "Use the model that is there in this conversation", True),
    Key("updates.update", "updates", "u", "update", "Update", "Fetch what changed", True),
    Key("updates.rollback", "updates", "b", "rollback", "Roll back", "Go back to the revision before", True),
    Key("updates.check", "updates", "r", "check", "Check", "Ask the hub what is newer", True),
    # what takes room
    Key("cleaning.mark", "cleaning", "space", "mark", "Mark",
        "Mark this line to go, or not; on a heading, all lines below it", True),
    Key("cleaning.free", "cleaning", "enter", "free", "Free", "See what the marked lines free, and delete them", True),
    # lists to choose from: models, themes, prompts, what a search found
    Key("chooser.choose", "chooser", "enter", "choose", "Choose", "Take the highlighted line", True),
    # settings, of lama and of a conversation
    Key("settings.edit", "settings", "enter", "edit", "Change", "Change this setting", True),
    Key("settings.reset", "settings", "delete", "reset", "Default", "Go back to the default", True),
    Key("settings.filter", "settings", "slash", "filter", "Filter", "Narrow the list of settings", True),
    Key("settings.editor", "settings", "ctrl+o", "open_editor", "Editor",
        "Open config.toml, or the system prompt, in your own editor", True),
    # what went wrong
    Key("log.copy", "log", "y", "copy_entry", "Copy", "Copy this entry", True),
    Key("log.file", "log", "t", "show_file", "Log file", "Show the end of the log file, or the list again", True),
    # everything above the workspace
    Key("dialog.close", "dialog", "escape", "close", "Back", "Close, and change nothing more", True),
    Key("dialog.copy", "dialog", "ctrl+c", "app.copy_selection", "Copy", "Copy the text that is selected"),
    # moving in lists, and in pages of text
    Key("list.down", "list", "down", "cursor_down", "Down", "Move down a line"),
    Key("list.up", "list", "up", "cursor_up", "Up", "Move up a line"),
    Key("list.page_down", "list", "pagedown", "page_down", "Page down", "Move down a page"),
    Key("list.page_up", "list", "pageup", "page_up", "Page up", "Move up a page"),
    Key("list.half_down", "list", "ctrl+d", "half_down", "Half down", "Move down half a page"),
    Key("list.half_up", "list", "ctrl+u", "half_up", "Half up", "Move up half a page"),
    Key("list.first", "list", "home", "first", "First", "Go to the first line"),
    Key("list.last", "list", "end", "last", "Last", "Go to the last line"),
)
# fmt: on


def split_keys(keys: str) -> list[str]:
    """The single keys of a comma-separated text."""
    return [key.strip() for key in keys.split(",") if key.strip()]


def keys_of(scope: Scope, overrides: Mapping[str, str] | None = None) -> tuple[Key, ...]:
    """The bindings of one scope, with `[keys]` applied; `keys` may then be empty: not bound."""
    changed = overrides or {}
    return tuple(replace(key, keys=changed.get(key.id, key.keys)) for key in KEYMAP if key.scope == scope)
