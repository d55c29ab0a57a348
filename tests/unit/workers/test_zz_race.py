import uuid, asyncio
from ghasi.contracts.subjects import BUCKET_REPLICAS
from nats.js.errors import NoKeysError
from nats.js.api import KeyValueConfig
async def one(b, k, n):
    empty = 0
    for _ in range(n):
        await b.put(k, b"x")
        try:
            keys = await b.keys()
        except NoKeysError:
            keys = []
        empty += k not in keys
    return empty
async def test_race(bus):
    b = await bus.bucket(BUCKET_REPLICAS)
    print("MISSED4", await asyncio.gather(*(one(b, f"worker.x.{uuid.uuid4().hex}", 150) for _ in range(4))))
    c = await bus.js.create_key_value(KeyValueConfig(bucket="zz", ttl=1.0))
    await c.put("worker.dead", b"x")
    print("MISSEDTTL", await asyncio.gather(*(one(c, f"worker.x.{uuid.uuid4().hex}", 400) for _ in range(1))))
    for _ in range(4):
        await c.put(f"worker.dead{_}", b"x")
    print("MISSEDTTL", await asyncio.gather(*(one(c, f"worker.x.{uuid.uuid4().hex}", 400) for _ in range(1))))
