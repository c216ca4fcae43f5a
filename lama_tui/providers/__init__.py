"""Whatever can answer: the local engine and servers over HTTP."""
