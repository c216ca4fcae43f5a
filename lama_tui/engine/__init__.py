"""In-process inference: one thread that owns the runtime, and the bridge to asyncio."""
