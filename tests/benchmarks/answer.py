"""An answer as models write them: prose, headings, lists, a table, code, a quotation. Two thousand pieces."""

import itertools
import re

_SECTIONS = (
    """## {n}. Why the cache grows

A transformer keeps the keys and values of every token that it has read, so that the next one needs only
*one* step. Its size is `2 · layers · heads · head_dim · tokens · bytes`, and **nothing of it can be dropped**
without reading the prompt again. For a model of 32 layers this is about 0.5 MB a token; a long conversation
therefore takes more memory than the weights of a small model.

1. Measure what one request needs: run it alone and read the peak.
2. Multiply by the number of requests that are decoded together.
3. Leave a fifth of the memory to the rest of the machine, more where a desktop runs.
   - Quantized keys take half of that, at a small cost in quality.
   - A sliding window bounds it, and forgets the beginning.

""",
    """### {n}. Code that does it

```python
def fits(model: Model, tokens: int, memory: int) -> bool:
    \"\"\"Whether a context of so many tokens fits beside the weights.\"\"\"
    cache = 2 * model.layers * model.kv_heads * model.head_dim * tokens * 2
    if cache + model.weights > 0.8 * memory:  # a fifth stays free
        return False
    return all(shard.exists() for shard in model.shards)


for model in sorted(models, key=lambda model: model.weights):
    print(f"{{model.name:<24}} {{fits(model, 8192, 16 << 30)}}")
```

The comparison is with *free* memory, not with all of it: what other programs hold is not there to be used.

""",
    """### {n}. Figures to compare

| model | parameters | 4-bit | 8-bit | tok/s |
|:------|-----------:|------:|------:|------:|
| small | 0.6 B | 0.4 GB | 0.7 GB | 210 |
| middle | 4 B | 2.3 GB | 4.3 GB | 74 |
| large | 32 B | 18.4 GB | 34.8 GB | 11 |

> What is measured on another machine says little about this one: bandwidth decides, not the number of cores.

Still, the *order* of the models stays the same, and that is usually the question. See
[the notes](https://example.org/notes/{n}) for how it was measured.

""",
)


def pieces(count: int = 2000) -> list[str]:
    """The answer in tokens of about four characters; together they are the text."""
    made: list[str] = []
    for number in itertools.count(1):
        text = _SECTIONS[number % len(_SECTIONS)].format(n=number)
        made += re.findall(r"[ ]?\w{1,6}|[ ]+|\n+|[ ]?[^\w\s]{1,2}", text)
        if len(made) >= count:
            return made[:count]
    raise AssertionError("not reached")
