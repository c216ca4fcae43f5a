"""What may follow a command after its slash, by binding id: what it stands for in help and in the list."""

from collections.abc import Mapping

ARGUMENTS: Mapping[str, str] = {
    "conversation.settings": "TEXT",
    "models.pick": "REF",
    "search.open": "WORDS",
    "hub.open": "WORDS",
    "models.import": "SOURCE",
    "theme.choose": "NAME",
    "thinking.toggle": "on|off|default",
    "conversations.rename": "TITLE",
    "transcript.export": "PATH",
}
