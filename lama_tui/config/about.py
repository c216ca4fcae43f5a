"""What each setting is for, in a sentence, and when a change of it counts. Written once: the settings
screen shows it, and a new `config.toml` has it as comments."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

Counts = Literal["at once", "at the next start", "not yet"]
"""`not yet`: the key is kept for what this version cannot do."""


class About(NamedTuple):
    """`text` is a sentence; `counts` is when a change is followed."""

    text: str
    counts: Counts = "at once"


ABOUT: Mapping[str, About] = {
    "model": About("The model of new conversations: guide, a hub id, a folder, or PROVIDER:MODEL."),
    "theme": About("The colours."),
    "generation.temperature": About(
        "How freely tokens are chosen, from 0 (always the likeliest) to 2. A conversation's own value and the "
        "model's own generation_config go before it; servers decide by themselves."
    ),
    "generation.top_p": About(
        "Tokens are chosen among the likeliest that together have this probability; 1 is all of them. A "
        "conversation's own value and the model's own go before it; servers decide by themselves."
    ),
    "generation.max_tokens": About(
        "An answer ends after so many tokens. A conversation's own value and the model's own go before it; for a "
        "server, set max_tokens of the provider."
    ),
    "engine.threads": About("Processor threads for llama.cpp; 0 is one for each physical core.", "not yet"),
    "engine.batch_size": About("Tokens of a prompt that are read in one step.", "at the next start"),
    "engine.parallel": About("Answers that are written at the same time; more wait.", "at the next start"),
    "engine.memory_limit": About(
        "The share of the memory that models may use, of what the machine can give.", "at the next start"
    ),
    "engine.idle_unload": About(
        "A model that was not used for so long leaves memory, unless it is pinned; 0s: none does.", "at the next start"
    ),
    "engine.prompt_cache_ram": About(
        "Memory for what models remember of prompts that they have read, so that they need not read them again.",
        "at the next start",
    ),
    "engine.prompt_cache_disk": About(
        "Disk space for the same, kept for the next start. It holds what was said in conversations; 0 keeps nothing.",
        "at the next start",
    ),
    "engine.window": About(
        "What a model remembers of a conversation at most, in tokens; 0 is its own window. Questions and what is sent "
        "with them must fit in it; an answer that grows beyond it forgets what is oldest. Takes less memory. Counts "
        "for models with plain attention; their answers are written one at a time.",
        "at the next start",
    ),
    "engine.kv_bits": About(
        "Packs what a model remembers of a conversation to 4 or 8 bits a number; 0 keeps it as it is. Takes less "
        "memory, 4 may cost quality; answers are written one at a time. Counts for models with plain attention and "
        "heads of a multiple of 32, and not beside a window.",
        "at the next start",
    ),
    "library.downloads": About("Whether downloads go on while the machine runs on battery."),
    "library.concurrent_files": About("Files of a model that are fetched at once; counts for downloads that begin."),
    "library.check_updates": About(
        "Whether the hub is asked once a day for newer revisions of the models that lama fetched or that were used in "
        "it. Never in local-only and offline modes; nothing is fetched by itself. Off counts at once.",
        "at the next start",
    ),
    "library.integrity": About(
        "Whether the files of models are compared with their hashes again, each once a week, a little at a time while "
        "nothing else is done.",
        "at the next start",
    ),
    "library.quota": About(
        "The room that models should take at most; 0 is no limit. Over it you are told what could go, the least "
        "recently used first. Nothing is deleted by itself."
    ),
    "library.low_disk": About("You are told when the disk of the models has less room than this left; 0 is never."),
    "library.require_signatures": About(
        "Whether a model must be signed by somebody you trust: always, else it is neither loaded nor accepted after a "
        "download; warn only tells you. The guide came with lama and needs none.",
    ),
    "library.trusted_keys": About(
        "Files with public keys (PEM) of those whose signatures of models you trust; commas between several."
    ),
    "library.trusted_identities": About(
        "Identities of Sigstore that you trust, each with its issuer: name@example.org https://issuer.example; commas "
        "between several."
    ),
    "privacy.local_only": About(
        "No request leaves this machine, whatever else is configured; answers that are coming from elsewhere are cut."
    ),
    "privacy.wipe": About(
        "What models remember of prompts is overwritten on the disk before it is deleted. Disks that copy on write "
        "keep what was there all the same.",
        "at the next start",
    ),
    "workspace.mouse": About("The mouse works; off, the terminal selects text itself.", "at the next start"),
    "workspace.conversations": About("The list of conversations stands beside the transcript, where there is room."),
    "workspace.monitor": About("Where the figures of the machine are: a pane, a strip, or nowhere."),
    "workspace.notify": About(
        "How you are told that a long answer ended while you look elsewhere: by the bell, by a notification of the "
        "terminal (osc), or not."
    ),
    "workspace.notify_after": About("An answer is long, and its end told, from so much time on."),
    "keys.preset": About("A whole set of keys; single ones below go before it."),
}
"""Every key with a fixed name."""

ABOUT_PROVIDER: Mapping[str, About] = {
    "kind": About("Which interface the server speaks."),
    "endpoint": About("The address of the server, often ending in /v1."),
    "model": About("The model that is asked where a reference names none."),
    "max_tokens": About("An answer of this server ends after so many tokens at most, whatever a conversation says."),
    "key_env": About("The environment variable that holds the API key. The key itself is never in this file."),
    "timeout_connect": About("Seconds for making a connection."),
    "timeout_first": About("Seconds until the first token must have come."),
    "timeout_token": About("Seconds until the next token must have come."),
}
"""Every key of `[providers.NAME]`."""


def about(key: str) -> About:
    """What a dotted key is for. Raises `KeyError` for one that does not exist, and for `[keys]`."""
    if key.startswith("providers."):
        return ABOUT_PROVIDER[key.rpartition(".")[2]]
    return ABOUT[key]
