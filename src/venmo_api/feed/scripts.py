r"""What Redis itself does, in one step each: the Lua of ``cache``.

READ takes the timeline and, unless the reader is shown their own stories only, their view; the reader, the scope, where
to begin below and how many, one of which only tells that there are more. It answers the page as this reader may have
it and the last id on it, empty where no more follow; or ids and documents, when one is not there; or the keys that are
not there; or false: older stories were cut off. It goes on until the page is full, so that stories that may not be seen
leave no gap.
"""

READ = r"""
local viewer, scope, top, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local sources, absent, hidden = {KEYS[1]}, {}, false
if KEYS[2] then
  local view = redis.call('GET', KEYS[2])
  if view then
    local count = struct.unpack('>H', view)
    if count == 65535 then return false end
    if count > 0 then
      hidden = {}
      for at = 3, 16 * count, 16 do hidden[string.sub(view, at, at + 15)] = true end
    end
    if scope == 'friends' then
      for at = 3 + 16 * count, #view, 16 do
        sources[#sources + 1] = 'tl:author:' .. string.sub(view, at, at + 15)
      end
    end
  else
    absent[1] = KEYS[2]
  end
end
for _, key in ipairs(sources) do
  if not redis.call('ZSCORE', key, '') then absent[#absent + 1] = key end
end
if #absent > 0 then return {absent} end

local function below(key, asked)
  local ids = redis.call('ZREVRANGEBYLEX', key, top, '(\0', 'LIMIT', 0, asked)
  return ids, #ids == asked or not redis.call('ZSCORE', key, '\0')
end

-- Ids compare as numbers: Lua compares strings by the language of the server.
local function head(list)
  local id = list.ids[list.at]
  if id then list.a, list.b, list.c = struct.unpack('>I6I6I4', id)
  else list.a, list.b, list.c = -1, -1, -1 end
end

local function merged(asked)
  if #sources == 1 then
    local ids, whole = below(sources[1], asked)
    return whole and ids
  end
  local lists, ids = {}, {}
  for _, key in ipairs(sources) do
    local some, whole = below(key, asked)
    if not whole then return false end
    local list = {ids = some, at = 1}
    head(list)
    lists[#lists + 1] = list
  end
  while #ids < asked do
    local best = lists[1]
    for _, l in ipairs(lists) do
      if l.a > best.a or l.a == best.a and (l.b > best.b or l.b == best.b and l.c > best.c) then best = l end
    end
    if best.a < 0 then break end
    local id = best.ids[best.at]
    ids[#ids + 1] = id
    for _, l in ipairs(lists) do
      if l.ids[l.at] == id then l.at = l.at + 1; head(l) end
    end
  end
  return ids
end

-- As documents.py writes them: how private it is, then the two parties. Up to widest anybody who is asked for here may
-- see it, unless somebody is hidden from them.
local widest = scope == 'public' and 48 or 49
local byte, sub = string.byte, string.sub
local function may_be_seen(document)
  local rank = byte(document)
  if scope == 'public' and rank ~= 48 then return false end
  local actor, target = sub(document, 2, 17), sub(document, 18, 33)
  if scope == 'mine' or actor == viewer or target == viewer then return true end
  return rank ~= 50 and not (hidden and (hidden[actor] or hidden[target]))
end

-- The same as seen_by in documents.py.
local function seen(document)
  local begins, others = 36 + byte(document, 34), byte(document, 35)
  if sub(document, 2, 17) == viewer or sub(document, 18, 33) == viewer then
    return sub(document, begins, -1 - others) .. sub(document, 36, begins - 1)
  end
  return sub(document, begins)
end

local function page(ids, documents)
  local stories = {}
  for i = 1, #ids do
    if not documents[i] then return {ids, documents} end
    if i < most then stories[i] = seen(documents[i]) end
  end
  return {table.concat(stories, ','), #ids == most and ids[most - 1] or ''}
end

local ids, documents = {}, {}
repeat
  local asked = most - #ids
  local found = merged(asked)
  if not found then return false end
  if #found == 0 then break end
  local keys, full = {}, true
  for i = 1, #found do keys[i] = 'st:' .. found[i] end
  local held = redis.call('MGET', unpack(keys))
  for i = 1, #found do
    local document = held[i]
    if document and (hidden or byte(document) > widest) and not may_be_seen(document) then
      full, held[i] = false, nil
    end
  end
  if full and #ids == 0 then return page(found, held) end
  for i = 1, #found do
    if held[i] ~= nil then ids[#ids + 1], documents[#documents + 1] = found[i], held[i] end
  end
  top = '(' .. found[#found]
until #ids == most or #found < asked
return page(ids, documents)
"""
# A timeline that is being made holds a mark that says so: evicted with what was pushed meanwhile, it is missed.
BEGIN = r"""
if not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'EX', ARGV[2]) then return 0 end
redis.call('DEL', KEYS[1])
if string.sub(KEYS[1], 1, 3) == 'tl:' then
  redis.call('ZADD', KEYS[1], 0, '\0made')
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return 1
"""
# The marks sort before every story, so the rank of the oldest story is the number of marks.
_TRIM = r"""
local function is_cut(key) return redis.call('ZSCORE', key, '\0') end
local function trim(key, cap, slack)
  local size = redis.call('ZCARD', key)
  if size <= cap + slack then return end
  local marks = is_cut(key) and 2 or 1
  if size <= cap + marks then return end
  redis.call('ZREMRANGEBYRANK', key, marks, size - cap - 1)
  redis.call('ZADD', key, 0, '\0')
end
"""
FINISH = (
    _TRIM
    + r"""
if redis.call('GET', KEYS[2]) ~= ARGV[1] or redis.call('ZREM', KEYS[1], '\0made') == 0 then return 0 end
redis.call('ZADD', KEYS[1], 0, '')
for i = 4, #ARGV do redis.call('ZADD', KEYS[1], 0, ARGV[i]) end
trim(KEYS[1], tonumber(ARGV[2]), 0)
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('DEL', KEYS[2])
return 1
"""
)
# Whoever streams what is new hears on a channel of the timeline's own name that there is something to read.
PUSH = (
    _TRIM
    + r"""
local cap, slack, live = tonumber(ARGV[1]), tonumber(ARGV[2]), {}
for k, key in ipairs(KEYS) do
  local ready = redis.call('ZSCORE', key, '')
  live[k] = '0'
  if ready or redis.call('EXISTS', 'tb' .. string.sub(key, 3)) == 1 then
    live[k] = '1'
    local ids, members = ARGV[2 + k], {}
    local oldest = is_cut(key) and redis.call('ZRANGE', key, 2, 2)[1]
    for at = 1, #ids, 16 do
      members[#members + 1] = '0'
      members[#members + 1] = string.sub(ids, at, at + 15)
    end
    redis.call('ZADD', key, unpack(members))
    if oldest then redis.call('ZREMRANGEBYLEX', key, '(\0', '(' .. oldest) end
    if ready then trim(key, cap, slack) end
    local kind = string.sub(key, 1, 10)
    if kind == 'tl:friends' or kind == 'tl:author:' then redis.call('PUBLISH', key, '') end
  end
end
return table.concat(live)
"""
)
KEEP = """
for k, key in ipairs(KEYS) do redis.call('SET', key, ARGV[1 + k], 'EX', ARGV[1]) end
return 1
"""
KEEP_CLAIMED = """
local kept = 0
for k = 1, #KEYS, 2 do
  if redis.call('GET', KEYS[k + 1]) == ARGV[1] then
    redis.call('SET', KEYS[k], ARGV[2 + (k + 1) / 2], 'EX', ARGV[2])
    redis.call('DEL', KEYS[k + 1])
    kept = kept + 1
  end
end
return kept
"""
