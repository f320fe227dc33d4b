"""What is kept beside events: vectors, items, candidates and their clusters, and who holds what."""

from penchant.store.redis.scripts.words import WORDS

PUT_VECTORS = (
    WORDS
    + """
-- model, then user, how many events were seen, and the vector, again and again. Kept as "EVENTS:VECTOR".
local vectors = P .. 'vectors:' .. ARGV[1]
redis.call('SADD', P .. 'models', ARGV[1])
for i = 2, #ARGV, 3 do
  local kept = redis.call('HGET', vectors, ARGV[i])
  local seen = kept and tonumber(string.match(kept, '^%d+')) or 0
  local there = redis.call('HLEN', P .. 'history:' .. ARGV[i])
  if tonumber(ARGV[i + 1]) >= seen and there > 0 and tonumber(ARGV[i + 1]) <= there then
    redis.call('HSET', vectors, ARGV[i], ARGV[i + 1] .. ':' .. ARGV[i + 2])
  end
end
"""
)

PUT_ITEMS = (
    WORDS
    + """
-- how many items may have fields; then item and fields, again and again. Returns how many would have some: nothing was
-- done where these are too many.
local held = redis.call('HLEN', P .. 'items')
for i = 2, #ARGV, 2 do
  if redis.call('HEXISTS', P .. 'items', ARGV[i]) == 0 then held = held + 1 end
end
if held > tonumber(ARGV[1]) then return held end
local change = redis.call('HINCRBY', NUMBERS, 'items', 1)
for i = 2, #ARGV, 2 do
  redis.call('HSET', P .. 'items', ARGV[i], ARGV[i + 1])
  redis.call('ZADD', P .. 'items:changes', change, ARGV[i])
end
return held
"""
)

PUBLISH = (
    WORDS
    + """
-- model, cursor, the cursor that is expected there, '' for none; then item and cluster, again and again. Returns 0 if
-- another is there, and nothing was done.
local model = ARGV[1]
if (redis.call('HGET', P .. 'cursors', model) or '') ~= ARGV[3] then return 0 end
local change = redis.call('HINCRBY', NUMBERS, 'clusters', 1)
redis.call('SADD', P .. 'models', model)
redis.call('HSET', P .. 'cursors', model, ARGV[2])
for i = 4, #ARGV, 2 do
  if redis.call('HEXISTS', P .. 'open', ARGV[i]) == 1 then
    redis.call('HSET', P .. 'clusters:' .. model, ARGV[i], ARGV[i + 1])
    redis.call('ZADD', P .. 'clusters:' .. model .. ':changes', change, ARGV[i])
  end
end
return 1
"""
)

CLOSE = (
    WORDS
    + """
-- items.
local models = redis.call('SMEMBERS', P .. 'models')
for _, item in ipairs(ARGV) do
  redis.call('HDEL', P .. 'open', item)
  for _, model in ipairs(models) do
    redis.call('HDEL', P .. 'clusters:' .. model, item)
    redis.call('ZREM', P .. 'clusters:' .. model .. ':changes', item)
  end
end
"""
)

DROP_MODELS = (
    WORDS
    + """
-- models to keep.
local kept = {}
for _, model in ipairs(ARGV) do kept[model] = true end
for _, model in ipairs(redis.call('SMEMBERS', P .. 'models')) do
  if not kept[model] then
    local clusters = P .. 'clusters:' .. model
    redis.call('DEL', clusters, clusters .. ':changes', P .. 'vectors:' .. model)
    redis.call('HDEL', P .. 'cursors', model)
    redis.call('SREM', P .. 'models', model)
  end
end
"""
)

HOLD = (
    WORDS
    + """
-- name, holder, milliseconds of a lease. Returns 1 if the holder has it now.
local key = P .. 'held:' .. ARGV[1]
local holder = redis.call('GET', key)
if holder and holder ~= ARGV[2] then return 0 end
redis.call('SET', key, ARGV[2], 'PX', ARGV[3])
redis.call('SADD', P .. 'held', ARGV[1])
return 1
"""
)

RELEASE = (
    WORDS
    + """
-- name, holder.
local key = P .. 'held:' .. ARGV[1]
if redis.call('GET', key) == ARGV[2] then redis.call('DEL', key) end
"""
)

HOLDERS = (
    WORDS
    + """
-- Returns name and holder, again and again.
local found = {}
for _, name in ipairs(redis.call('SMEMBERS', P .. 'held')) do
  local holder = redis.call('GET', P .. 'held:' .. name)
  if holder then
    found[#found + 1] = name
    found[#found + 1] = holder
  else
    redis.call('SREM', P .. 'held', name)
  end
end
return found
"""
)
