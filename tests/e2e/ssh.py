"""A machine that is reached over SSH, on loopback: a server as sshd is one, and the window of who logs in.

Both sides run on one event loop in a thread of its own. Keys are made for each server and are nowhere on disk.
"""

import asyncio
import functools
import os
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncssh
import psutil
from terminal import environment
from window import Window
from xterm import Xterm

_PATIENCE = 60
"""Seconds for what takes milliseconds."""


class Login(asyncssh.SSHServerSession[bytes]):
    """Runs a command on a pseudoterminal for who asks for one, and hangs up there when the connection is gone."""

    def __init__(self, machine: "Machine") -> None:
        self._machine = machine
        self._loop = asyncio.get_running_loop()
        self._outgoing = b""
        self._master, self._inside = os.openpty()
        os.set_blocking(self._master, False)

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def pty_requested(self, term_type: str, term_size: tuple[int, int, int, int], term_modes: object) -> bool:
        termios.tcsetwinsize(self._master, (term_size[1], term_size[0]))
        return True

    def exec_requested(self, command: str) -> bool:
        """The command is a number: nothing has to be quoted."""
        here, there = (self._channel.get_extra_info(name) for name in ("peername", "sockname"))
        given = {
            "TERM": self._channel.get_terminal_type() or "dumb",
            "SSH_CONNECTION": " ".join(map(str, (*here, *there))),
            "SSH_TTY": os.ttyname(self._inside),
        }
        process = subprocess.Popen(
            self._machine.commands[int(command)],
            env=self._machine.environment | given,
            # login_tty makes the session and its controlling terminal: one C call, safe beside threads
            preexec_fn=functools.partial(os.login_tty, self._inside),  # noqa: PLW1509
        )
        os.close(self._inside)
        self._machine.processes.append(process)
        return True

    def session_started(self) -> None:
        self.resume_writing()

    def data_received(self, data: bytes, datatype: object) -> None:
        self._outgoing += data
        self._send()

    def _send(self) -> None:
        with suppress(BlockingIOError, OSError):  # no room, or nobody there any more
            self._outgoing = self._outgoing[os.write(self._master, self._outgoing[:4096]) :]
        if self._outgoing:
            self._loop.add_writer(self._master, self._send)
        else:
            self._loop.remove_writer(self._master)

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except BlockingIOError:
            return
        except OSError:  # Linux: the last close on the other side
            data = b""
        if data:
            self._channel.write(data)
        else:
            self._loop.remove_reader(self._master)
            self._channel.exit(0)

    def pause_writing(self) -> None:
        self._loop.remove_reader(self._master)

    def resume_writing(self) -> None:
        self._loop.add_reader(self._master, self._read)

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        termios.tcsetwinsize(self._master, (height, width))

    def connection_lost(self, exc: Exception | None) -> None:
        """As sshd does: close the terminal, of which the kernel tells with SIGHUP."""
        self._loop.remove_reader(self._master)
        self._loop.remove_writer(self._master)
        os.close(self._master)


class Server(asyncssh.SSHServer):
    """Lets in who has the key."""

    def __init__(self, machine: "Machine") -> None:
        self._machine = machine

    def session_requested(self) -> Login:
        return Login(self._machine)


class Remote(Window, asyncssh.SSHClientSession[bytes]):
    """The window in which somebody is logged in. `arrivals` tell when something came (monotonic s), and
    how much had come by then (bytes)."""

    def __init__(self, machine: "Machine", size: tuple[int, int]) -> None:
        super().__init__(Xterm(*size))
        self.arrivals: list[tuple[float, int]] = []
        self._machine = machine

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._channel, self._connection = chan, chan.get_connection()

    def data_received(self, data: bytes, datatype: object) -> None:
        came = time.monotonic()
        if answers := self._receive(data):
            self._channel.write(answers)
        self.arrivals.append((came, len(self.raw)))

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_over()

    def send(self, keys: str | bytes) -> None:
        data = keys.encode() if isinstance(keys, str) else keys
        self._machine.loop.call_soon_threadsafe(self._channel.write, data)

    def resize(self, columns: int, rows: int) -> None:
        with self._changed:
            self.xterm.screen.resize(rows, columns)
        self._machine.loop.call_soon_threadsafe(self._channel.change_terminal_size, columns, rows)

    def drop(self) -> None:
        """Lose the connection, without a word to the other side; returns when it is gone here."""
        self._machine.loop.call_soon_threadsafe(self._connection.abort)
        self.wait_end()

    def wait_end(self) -> None:
        """Wait until the other side has closed, or the connection is gone."""
        assert self._ended.wait(_PATIENCE), self._report(self.screen_text())


class Machine:
    """What is reached over SSH. `processes` are those that were started for who logged in."""

    def __init__(self, home: Path, env: Mapping[str, str]) -> None:
        self.environment = {name: value for name, value in environment(home).items() if name != "COLORTERM"}
        self.environment |= env
        self.commands: list[Sequence[str]] = []
        self.processes: list[subprocess.Popen[bytes]] = []
        self.loop = asyncio.new_event_loop()
        self._keys = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(2)]
        self._thread = threading.Thread(target=self.loop.run_forever, name="ssh")

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        self._acceptor = self._wait(self._listen())

    @contextmanager
    def login(self, command: Sequence[str], size: tuple[int, int] = (100, 30)) -> Iterator[Remote]:
        """Run a command there in a window of this size; the connection is lost at the end of the block."""
        self.commands.append(command)
        remote = self._wait(self._connect(str(len(self.commands) - 1), Remote(self, size), size))
        try:
            yield remote
        finally:
            remote.drop()

    def running(self) -> list[psutil.Process]:
        """What still runs of all that was started, with all that those started and did not let go."""
        found: list[psutil.Process] = []
        for process in self.processes:
            if process.poll() is None:
                with suppress(psutil.NoSuchProcess):
                    found += [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        return found

    def stop(self) -> None:
        """Close, and leave nothing running."""
        self._wait(self._close())
        for process in self.running():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        for process in self.processes:
            process.wait()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _listen(self) -> asyncssh.SSHAcceptor:
        host, client = self._keys
        line = client.export_public_key().decode()
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=lambda: Server(self),
            server_host_keys=[host],
            authorized_client_keys=asyncssh.import_authorized_keys(line),
            encoding=None,
            line_editor=False,
            config=None,
        )

    async def _connect(self, command: str, remote: Remote, size: tuple[int, int]) -> Remote:
        host, client = self._keys
        connection = await asyncssh.connect(
            "127.0.0.1",
            self._acceptor.get_port(),
            username="somebody",
            client_keys=[client],
            known_hosts=([host.convert_to_public()], [], []),
            agent_path=None,
            config=None,
        )
        await connection.create_session(
            lambda: remote, command, term_type="xterm-256color", term_size=size, encoding=None
        )
        return remote

    async def _close(self) -> None:
        self._acceptor.close()
        await self._acceptor.wait_closed()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _wait(self, coroutine):  # type: ignore[no-untyped-def]
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(_PATIENCE)


@contextmanager
def machine(home: Path, env: Mapping[str, str] = {}) -> Iterator[Machine]:
    """A machine where every home is under `home`; nothing runs there any more after the block."""
    there = Machine(home, env)
    there.start()
    try:
        yield there
    finally:
        there.stop()
