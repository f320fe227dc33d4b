"""Events into the log, out of it to consumers, and counted for their items."""

from penchant.store.redis.scripts.words import UNTIL, WORDS

APPEND = (
    WORDS
    + UNTIL
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
    WORDS
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
    WORDS
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

JOINS = (
    WORDS
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
