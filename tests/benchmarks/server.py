"""An OpenAI-compatible server on loopback that writes one answer at a steady pace: a process of its own.

Prints its port, then for each answer when its first and its last token left, on the clock that all
processes share (`time.monotonic`).
"""

import asyncio
import json
import sys
import time

from tests.benchmarks.answer import pieces


async def main(rate: float) -> None:
    server = await asyncio.start_server(lambda reader, writer: _answer(reader, writer, rate), "127.0.0.1", 0)
    _say(server.sockets[0].getsockname()[1])
    async with server:
        await server.serve_forever()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rate: float) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    await reader.readexactly(length)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
    tokens = pieces()
    began = time.monotonic()
    _say(began)
    for number, token in enumerate(tokens):
        await asyncio.sleep(began + number / rate - time.monotonic())
        _send(writer, {"choices": [{"index": 0, "delta": {"content": token}}]})
        await writer.drain()
    _say(time.monotonic())
    _send(writer, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    usage = {"prompt_tokens": 12, "completion_tokens": len(tokens), "total_tokens": 12 + len(tokens)}
    _send(writer, {"choices": [], "usage": usage})
    writer.write(b"data: [DONE]\n\n")
    await writer.drain()
    writer.close()


def _send(writer: asyncio.StreamWriter, chunk: object) -> None:
    writer.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")


def _say(value: float) -> None:
    print(value, flush=True)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
