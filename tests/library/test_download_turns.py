"""Whose turn it is in the queue."""

from tests.library.downloading import instance, model_files
from tests.library.hub import TestHub


async def test_models_that_cannot_be_had_now_do_not_keep_others_waiting(tmp_path):
    with TestHub() as hub:
        for name in ("org/broken", "org/busy", "org/well"):
            hub.add(name, model_files(1000), tags=("mlx",))
        hub.trouble("/org/(broken|busy)/resolve/", status=503, headers={"Retry-After": "600"})
        async with instance(hub, tmp_path) as lama:
            stuck = [await lama.downloads.add(name) for name in ("org/broken", "org/busy")]
            for job in stuck:
                await lama.until(job, lambda now: now.state == "waiting" and now.retry_at is not None)
            well = await lama.downloads.add("org/well")
            assert (await lama.ended(well)).state == "done"
            assert [(await lama.downloads.job(job)).state for job in stuck] == ["waiting", "waiting"]
