"""What Redis does in one step: Lua, run inside the server.

A script is refused before its first write where memory has run out, and never later; so those that make room (settle,
forget) begin with a command that only removes.
"""

PREFIX = "penchant:"
"""Of all keys."""

VERSION = "1"
"""Of how keys are laid out, kept under `penchant:version`."""

_WORDS = """
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

_UNTIL = """
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

APPEND = (
    _WORDS
    + _UNTIL
    + """
-- at; the moment up to which anybody was forgotten, as far as the caller knows; how many events are not later, and of
-- each of those its place, the digest of its user, its time; then for each event: user, id, what the history holds,
-- line of the log. Returns a digit for each: 1 if it is new, 0 if it is repeated, 2 if it is of a user who was
-- forgotten later; or that moment alone, where it is later than the caller knows, and then nothing was done.
local latest, early = latest_until(), tonumber(ARGV[3])
if latest > tonumber(ARGV[2]) then return {string.format('%.17g', latest)} end
local gone, lines, fates = {}, {}, {}
for i = 4, 3 + 3 * early, 3 do
  local until_ = until_of(ARGV[i + 1])
  gone[tonumber(ARGV[i])] = until_ and tonumber(ARGV[i + 2]) <= tonumber(until_)
end
for i = 4 + 3 * early, #ARGV, 4 do
  local fate = 2
  if not gone[#fates] then
    fate = redis.call('HSETNX', P .. 'history:' .. ARGV[i], ARGV[i + 1], ARGV[i + 2])
    if fate == 1 then lines[#lines + 1] = ARGV[i + 3] end
  end
  fates[#fates + 1] = fate
end
if #lines > 0 then write(ARGV[1], lines) end
return table.concat(fates)
"""
)

TAKE = (
    _WORDS
    + """
-- consumer, most, milliseconds of a lease. Returns number and content of each entry, one after the other.
local consumer, most, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if redis.call('EXISTS', LOG) == 0 then return {} end
redis.pcall('XGROUP', 'CREATE', LOG, GROUP, '0')
local found, events = {}, 0

local function add(entry)
  if not entry[2] then
    redis.call('XACK', LOG, GROUP, entry[1])
    return
  end
  local content, count = content_of(entry[2])
  found[#found + 1] = entry[1]
  found[#found + 1] = content
  events = events + math.max(1, count)
end

local function read(after)
  local got = redis.call('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', 1, 'STREAMS', LOG, after)
  return got and got[1] and got[1][2][1]
end

local entry = read('0')
while entry do
  add(entry)
  entry = events < most and read(entry[1])
end
if events < most then
  for _, left in ipairs(redis.call('XPENDING', LOG, GROUP, 'IDLE', lease, '-', '+', most)) do
    if events >= most then break end
    local claimed = redis.call('XCLAIM', LOG, GROUP, consumer, lease, left[1])
    if claimed[1] then add(claimed[1]) end
  end
end
entry = events < most and read('>')
while entry do
  add(entry)
  entry = events < most and read('>')
end
return found
"""
)

SETTLE = (
    _WORDS
    + """
-- most joined, most seeds, most poison; how much poison, and each; then for each entry: number, how many events, and of
-- each: item, user, when it was clicked or nothing.
local most_joined, most_seeds, most_aside = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local aside = tonumber(ARGV[4])
local left, touched, open = false, {}, {}

local function is_open(item)
  if open[item] == nil then open[item] = redis.call('HEXISTS', P .. 'open', item) == 1 end
  return open[item]
end

local function touch(item, user, clicked)
  if not touched[item] then
    touched[item] = true
    redis.call('SADD', P .. 'touched', item)
  end
  redis.call('SADD', P .. 'shown:' .. item, user)
  if clicked == '' then return end
  local seeds = P .. 'seeds:' .. item
  if redis.call('ZADD', seeds, 'GT', clicked, user) == 0 then return end
  if is_open(item) then join(item, user, most_joined) end
  local over = redis.call('ZCARD', seeds) - most_seeds
  if over > most_seeds * 0.01 then redis.call('ZREMRANGEBYRANK', seeds, 0, over - 1) end
end

local i = 5 + aside
while i <= #ARGV do
  local last = i + 1 + 3 * tonumber(ARGV[i + 1])
  if remove(ARGV[i]) then
    left = true
    for event = i + 2, last, 3 do touch(ARGV[event], ARGV[event + 1], ARGV[event + 2]) end
  end
  i = last + 1
end
if aside > 0 and (left or #ARGV == 4 + aside) then
  for said = 5, 4 + aside do redis.call('RPUSH', P .. 'poison', ARGV[said]) end
  redis.call('LTRIM', P .. 'poison', -most_aside, -1)
  redis.call('HINCRBY', NUMBERS, 'aside', aside)
end
"""
)

_REMEMBER = (
    _UNTIL
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
    _WORDS
    + _REMEMBER
    + """
-- digest and at, again and again.
for i = 1, #ARGV, 2 do remember(ARGV[i], ARGV[i + 1], ARGV[i + 1]) end
"""
)

FORGET = (
    _WORDS
    + _REMEMBER
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

JOINS = (
    _WORDS
    + """
-- a number of joins, most. Returns the number before the first of those that are told, which is higher where joins
-- were dropped since, and then each.
local last = tonumber(redis.call('HGET', NUMBERS, 'joins') or 0)
local before = math.max(tonumber(ARGV[1]), last - redis.call('LLEN', JOINED))
local ends = math.min(-1, before - last + tonumber(ARGV[2]) - 1)
if before >= last or tonumber(ARGV[2]) < 1 then return {before, {}} end
return {before, redis.call('LRANGE', JOINED, before - last, ends)}
"""
)

LOG_ANEW = (
    _WORDS
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

PUT_VECTORS = (
    _WORDS
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
    _WORDS
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
    _WORDS
    + """
-- model, cursor; then item and cluster, again and again.
local model = ARGV[1]
local change = redis.call('HINCRBY', NUMBERS, 'clusters', 1)
redis.call('SADD', P .. 'models', model)
redis.call('HSET', P .. 'cursors', model, ARGV[2])
for i = 3, #ARGV, 2 do
  if redis.call('HEXISTS', P .. 'open', ARGV[i]) == 1 then
    redis.call('HSET', P .. 'clusters:' .. model, ARGV[i], ARGV[i + 1])
    redis.call('ZADD', P .. 'clusters:' .. model .. ':changes', change, ARGV[i])
  end
end
"""
)

CLOSE = (
    _WORDS
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
    _WORDS
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
    _WORDS
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
    _WORDS
    + """
-- name, holder.
local key = P .. 'held:' .. ARGV[1]
if redis.call('GET', key) == ARGV[2] then redis.call('DEL', key) end
"""
)

HOLDERS = (
    _WORDS
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
