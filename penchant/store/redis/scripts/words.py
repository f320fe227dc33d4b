"""What all scripts inside Redis share: names of keys, and functions in Lua."""

PREFIX = "penchant:"
"""Of all keys."""

VERSION = "1"
"""Of how keys are laid out, kept under `penchant:version`."""

WORDS = """
local P = 'penchant:'
local LOG, GROUP, NUMBERS, JOINED = P .. 'log', 'consumers', P .. 'numbers', P .. 'joined'

local function content_of(fields)
  local known = {}
  for i = 1, #fields, 2 do known[fields[i]] = fields[i + 1] end
  return known.content or table.concat(fields, ' '), tonumber(known.events) or 0, known.at or '0'
end

local function remove(number)
  redis.call('XACK', LOG, GROUP, number)
  local found = redis.call('XRANGE', LOG, number, number)
  if not found[1] then return false end
  local _, events = content_of(found[1][2])
  redis.call('XDEL', LOG, number)
  redis.call('HINCRBY', NUMBERS, 'backlog', -events)
  return true
end

local function write(at, lines)
  if redis.call('EXISTS', LOG) == 0 then redis.call('XGROUP', 'CREATE', LOG, GROUP, '0', 'MKSTREAM') end
  redis.call('XADD', LOG, '*', 'at', at, 'events', #lines, 'content', table.concat(lines, '\\n'))
  redis.call('HINCRBY', NUMBERS, 'backlog', #lines)
end

local function join(item, user, most)
  redis.call('HINCRBY', NUMBERS, 'joins', 1)
  if redis.call('RPUSH', JOINED, cjson.encode({item, user})) > most * 1.01 then
    redis.call('LTRIM', JOINED, -most, -1)
  end
end
"""

UNTIL = """
-- The moment up to which events of a user are dropped, false for a user who was not forgotten; and the latest of all.
local function until_of(digest)
  return redis.call('HGET', P .. 'forgotten:until', digest) or redis.call('HGET', P .. 'forgotten', digest)
end

local function latest_until()
  local known, latest = redis.call('HGET', NUMBERS, 'forgotten until'), -1e300
  if known then return tonumber(known) end
  for _, at in ipairs(redis.call('HVALS', P .. 'forgotten')) do latest = math.max(latest, tonumber(at)) end
  return latest
end
"""
