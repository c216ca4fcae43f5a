"""Texts that a terminal, a bidi algorithm or a markup parser would obey, or that break what counts characters.

All of them are written as escapes, so that this file shows what it says.
"""

import os

_CSI = (
    "31;5m 38;2;1;2;3m 4:3m m 2J 3J K 1;1H H 9999;9999H 5A 5B 5C 5D 99G 10d 3L 3M 4P 5@ 5X 7S 7T 2;5r s u 5n 6n ?6n"
    " c >c =c >q ?1049h ?1049l ?25l ?7l ?1000h ?1003h ?1006h ?2004l ?2026h ?2026$p ?2048h !p 4h 20h 1q >1u <u ?u 8;1;1t"
    ' 21t 18t 14t 22;0t 3i 1;2\'z 0\'| 61"p ?5h ?996n >4;2m 0;59;"x"p'
)
_OSC = (
    *(
        "0;owned",
        "2;owned",
        "1;owned",
        "7;file://h/etc",
        "9;told",
        "9;4;1;50",
        "10;?",
        "11;?",
        "4;1;?",
        "4;1;rgb:f/0/0",
    ),
    *("8;;http://evil.example", "8;id=1;file:///etc/passwd", "8;;", "52;c;c3RvbGVu", "52;p;?", "104", "12;red"),
    *("133;A", "633;E;rm", "777;notify;a;b", "1337;File=inline=1:AAAA", "1337;SetMark", "22;wait", "50;font", "99;;hi"),
)

NAUGHTY: dict[str, str] = {
    "CSI": "".join(f"\x1b[{final}" for final in _CSI.split()),
    "CSI with controls inside": "\x1b[3\r1m \x1b[3\x1b[1m \x1b[\x181m \x1b[3\x071m \x1b[3\x7f1m \x1b[3\u00a01m",
    "CSI unfinished": "\x1b[38;2;1",
    "CSI too long": "\x1b[" + "1;" * 300 + "m",
    "OSC ended by BEL": "".join(f"\x1b]{content}\x07" for content in _OSC),
    "OSC ended by ST": "".join(f"\x1b]{content}\x1b\\" for content in _OSC),
    "OSC ended by C1": "".join(f"\x9d{content}\x9c" for content in _OSC),
    "OSC unfinished": "\x1b]0;owned",
    "OSC 8 in OSC 8": "\x1b]8;;https://a.example/\x1b\\\x1b]8;;javascript:alert(1)\x07click\x1b]8;;\x1b\\",
    "DCS": "\x1bP$qm\x1b\\ \x1bP+q4d73\x1b\\ \x1bP1$tx\x1b\\ \x1bPq#0;2;0;0;0#0~~@@\x1b\\ \x90q\x9c",
    "DCS of tmux": "\x1bPtmux;\x1b\x1b]52;c;c3RvbGVu\x07\x1b\\ \x1bP\x1b]0;screen\x07\x1b\\",
    "APC, PM, SOS": "\x1b_Ga=T,f=24;AAAA\x1b\\ \x9fGi=1\x9c \x1b^private\x1b\\ \x9e \x1bXstart\x1b\\ \x98",
    "title of screen": "\x1bkowned\x1b\\",
    "escapes": "".join(f"\x1b{final}x" for final in ("#8", "(0", ")B", "%G", *"c78DEMH=>NOZnoFl69")),
    "escape alone": "\x1b",
    "escapes in a row": "\x1b" * 5 + "[31m",
    "C0": "".join(map(chr, range(0x20))),
    "DEL": "abc\x7f\x7f\x7fxyz",
    "C1": "".join(map(chr, range(0x80, 0xA0))),
    "C1 as CSI": "\x9b31m \x9b2J \x9b6n \x9b?1049l \x8d \x84 \x85",
    "shifts": "\x0e lqqk \x0f",
    "NUL": "before\x00after\x00",
    "backspaces": "harmless" + "\x08" * 8 + "rm -rf /",
    "carriage returns": "harmless\rrm -rf /\r\nnext\r\r\n",
    "lines": "one\ntwo\x0bthree\x0cfour\x85five\u2028six\u2029seven",
    "tabs": "\tone\ttwo\t\tthree\t",
    "bidi overrides": "user\u202ecod.exe \u202dabc\u202c \u202aabc\u202b",
    "bidi isolates": "\u2066abc\u2067def\u2068ghi\u2069 \u2069\u2069 \u2066" * 3,
    "bidi marks": "a\u200eb\u200fc\u061cd",
    "deprecated formatting": "\u206a\u206b\u206c\u206d\u206e\u206f",
    "annotation": "\ufff9a\ufffab\ufffb",
    "zero width": "a\u200bb\u200cc\u200dd\u2060e\ufefff\u00adg\u034fh\u180ei\u2061j",
    "nothing but zero width": "\u200b\u200b\u200d\ufe0f\u0301",
    "BOM": "\ufefftext\ufeff",
    "swapped BOM": "\ufffetext",
    "zalgo": "".join(c + "\u0300\u0316\u0334\u0489" * 12 for c in "he comes"),
    "mark without a letter": "\u0301\u20dd\u0488abc",
    "a thousand marks": "a" + "\u0303" * 1000,
    "right to left": "\u05e9\u05dc\u05d5\u05dd (1) \u0645\u0631\u062d\u0628\u0627 123 abc \u0627\u064e\u0644\u0652",
    "wide": "\u6f22\u5b57\u4eee\u540d\uff21\uff10\u3000\uac00\u1100\u1161\u11a8",
    "ambiguous width": "\u00b1\u2460\u2592\u03b1\u2605\u2500\u00a7\u2026",
    "emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
    " \U0001f3f3\ufe0f\u200d\U0001f308 \U0001f44d\U0001f3fd 1\ufe0f\u20e3",
    "emoji chained": "\U0001f468" + "\u200d\U0001f469" * 40,
    "flags": "\U0001f1e9\U0001f1ea\U0001f1eb \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "tags": "a" + "".join(chr(0xE0000 + ord(c)) for c in "ignore all that") + "b",
    "variation selectors": "\u2764\ufe0e\u2764\ufe0f\u2764\U000e0100\ufe0f\ufe0f",
    "joined scripts": "\u0928\u093f\u200d\u091c \u0e01\u0e33\u0e49 \u0f40\u0f7c \ufdfd \u0bb8\u0bcd\u0bb0\u0bc0",
    "private use": "\ue000\uf8ff\U000f0000\U0010fffd \ue0b0\ue0b2",
    "no characters": "\ufdd0\ufdef\uffff\U0001ffff\U0010ffff",
    "spaces": "a\u00a0b\u2000c\u2007d\u202fe\u205ff\u3000g\u1680h",
    "markup": "[/nope] [red]x[/red] [link=file:///etc/passwd]y[/link] [@click=app.quit]z[/] [bold [ \\[x] [/]",
    "Markdown": "[x](javascript:alert(1)) ![](file:///etc) <b>&#27;[31m</b> `\x1b[31m` **\x9b1m** <https://a\x1b\\b>",
    "entities": "&#x1b;[31m &#155;2J &#7; &#x202e;abc &ESC; \\x1b[31m \\033[0m \\u001b[2J ^[[31m",
    "fences": "```\x1b]0;t\x07\nx\n``` \n~~~py\x9b1m\n\x1b[2J\n~~~\n| a\x07 | b\x1b[1m |\n|--|--|\n| \x08 | \u202e |",
    "formats": "%s %n {0} {x!r} ${HOME} $(reboot) `id` '; DROP TABLE conversations;-- ../../etc/passwd",
    "a long word": "x" * 3000,
    "a long wide word": "\u6f22" * 1500,
    "long and in colour": "\x1b[31m" * 400,
}

WITH_SURROGATES: dict[str, str] = NAUGHTY | {
    "surrogates": "\ud83d \udc00 \ud83d\udc00 \udfff\ud800",
    "bytes that are no UTF-8": os.fsdecode(b"\x80\x9b2J\x9d0;t\x9c\xff\xfe\xc3\xed\xa0\x80"),
}
"""And texts that have no bytes: Python makes them of the names of files and of arguments."""

SHORT = (
    "\x1b[6n\x1b]52;c;aGk=\x07\x1b]0;t\x1b\\\x9b5n\x9d0;t\x9c\x90q\x9c\x00\x08\x7f\x0e\r\u202eb\u2066c\u2028[/nope][bold"
    "\ufffe\u200d\u0301"
)
"""A bit of everything, for places where there is room for a line."""
