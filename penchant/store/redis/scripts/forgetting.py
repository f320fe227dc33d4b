"""A user removed from everything, and remembered as forgotten."""

from penchant.store.redis.scripts.words import UNTIL, WORDS

REMEMBER = (
    UNTIL
    + """
local function remember(digest, at, until_)
  local latest, own = latest_until(), until_of(digest)
  local before = redis.call('HGET', P .. 'forgotten', digest)
  if not before or tonumber(before) < tonumber(at) then redis.call('HSET', P .. 'forgotten', digest, at) end
  redis.call('ZADD', P .. 'forgotten:changes', redis.call('HINCRBY', NUMBERS, 'forgotten', 1), digest)
  if own and tonumber(own) > tonumber(until_) then until_ = own end
  redis.call('HSET', P .. 'forgotten:until', digest, until_)
  if latest < tonumber(until_) then
    redis.call('HSET', NUMBERS, 'forgotten until', until_)
  end
end
"""
)

ADD_FORGOTTEN = (
    WORDS
    + REMEMBER
    + """
-- digest and at, again and again.
for i = 1, #ARGV, 2 do remember(ARGV[i], ARGV[i + 1], ARGV[i + 1]) end
"""
)

FORGET = (
    WORDS
    + REMEMBER
    + """
-- user, how the user's lines of the log begin, digest, at, the last join looked at, most joined, how long a history may
-- be so that the items named are all; then lists, each after its length: entries of the log that cannot be read and
-- name the user, numbers of the user's joins up to that last one, poison that names the user, items that the user
-- touched beside those of the history. Returns how many events, events of the log and items there were; nothing where
-- the history is too long.
local user, begins, digest, at, looked, most_joined, most = unpack(ARGV, 1, 7)
local place = 8

local function list()
  local length, found = tonumber(ARGV[place]), {}
  for i = place + 1, place + length do found[#found + 1] = ARGV[i] end
  place = place + length + 1
  return found
end

local history = P .. 'history:' .. user
local events, items, log, touched = redis.call('HLEN', history), {}, 0, 0
if events > tonumber(most) then return false end
local until_ = at
local joins = tonumber(redis.call('HGET', NUMBERS, 'joins') or 0)

local function drop_join(number)
  local place = number - joins - 1
  if redis.call('LINDEX', JOINED, place) then redis.call('LSET', JOINED, place, '') end
end

for _, value in ipairs(redis.call('HVALS', history)) do
  local read, event = pcall(cjson.decode, value)
  if read and type(event) == 'table' and type(event[1]) == 'string' and type(event[2]) == 'number' then
    items[event[1]] = true
    if event[2] > tonumber(until_) then until_ = string.format('%.17g', event[2]) end
  end
end
redis.call('DEL', history)
for _, model in ipairs(redis.call('SMEMBERS', P .. 'models')) do redis.call('HDEL', P .. 'vectors:' .. model, user) end

for _, number in ipairs(list()) do
  if remove(number) then log = log + 1 end
end
for _, number in ipairs(list()) do drop_join(tonumber(number)) end
for _, said in ipairs(list()) do redis.call('LREM', P .. 'poison', 0, said) end
for _, item in ipairs(list()) do items[item] = true end

local function each_logged(act)
  local first, last = '-', redis.call('XREVRANGE', LOG, '+', '-', 'COUNT', 1)[1]
  while last do
    local found = redis.call('XRANGE', LOG, first, last[1], 'COUNT', 1000)
    for _, entry in ipairs(found) do act(entry) end
    if #found < 1000 then return end
    first = '(' .. found[#found][1]
  end
end

each_logged(function(entry)
  local content, _, appended = content_of(entry[2])
  if not string.find(content, begins, 1, true) then return end
  local kept, all = {}, 0
  for line in string.gmatch(content, '[^\\n]+') do
    all = all + 1
    if string.sub(line, 1, #begins) ~= begins then kept[#kept + 1] = line end
  end
  if #kept == all then return end
  log = log + all - #kept
  remove(entry[1])
  if #kept > 0 then write(appended, kept) end
end)

for number = tonumber(looked) + 1, joins do
  local found = redis.call('LINDEX', JOINED, number - joins - 1)
  if found and found ~= '' and cjson.decode(found)[2] == user then drop_join(number) end
end
redis.call('DEL', P .. 'joins')  -- where versions before kept them

for item in pairs(items) do
  local clicked = redis.call('ZREM', P .. 'seeds:' .. item, user)
  if clicked + redis.call('SREM', P .. 'shown:' .. item, user) > 0 then touched = touched + 1 end
  if clicked > 0 and redis.call('HEXISTS', P .. 'open', item) == 1 then join(item, '', tonumber(most_joined)) end
end

remember(digest, at, until_)
return {events, log, touched}
"""
)

LOG_ANEW = (
    WORDS
    + """
-- how many entries at most. A stream keeps what was removed from it for a while, and an append-only file that is
-- written anew holds that too; so what is left in the log is logged again under other numbers, as FORGET does. Returns
-- 1 if so.
if redis.call('EXISTS', LOG) == 0 then return 1 end
if redis.call('XLEN', LOG) > tonumber(ARGV[1]) then return 0 end
local entries, said, last = redis.call('XRANGE', LOG, '-', '+'), redis.call('XINFO', 'STREAM', LOG), nil
for i = 1, #said, 2 do
  if said[i] == 'last-generated-id' then last = said[i + 1] end
end
redis.call('DEL', LOG)
redis.call('XGROUP', 'CREATE', LOG, GROUP, '0', 'MKSTREAM')
redis.call('XSETID', LOG, last)
for _, entry in ipairs(entries) do redis.call('XADD', LOG, '*', unpack(entry[2])) end
return 1
"""
)
