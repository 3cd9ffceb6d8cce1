-- One slice of a query: looks at some candidates of the driver, and returns those that match every check.
-- Reads only. Bounded by `budget`, as Redis does nothing else meanwhile.
--
-- KEYS[1]  the namespace's prefix (all keys begin with it)
-- ARGV     nonce, budget (candidates to look at), want (stop after so many matches; 0: never), score (name of the
--          sorted set whose score a match must have and is returned with; '' for none), then the driver, then checks
--   driver 'zset' name reverse(1/0) min max from_score from_id   in order, from behind that entry ('' '': from the start)
--          'set' name cursor earlier names...(count first)       unordered; what is in an earlier set has been seen
--          'ids' count ids...
-- returns  {nonce, looked_at, more(1/0), position, position_id, id, score, id, score...}
--          position: the score and id of the last candidate of a zset; the cursor of a set

local call, prefix = redis.call, KEYS[1]
local nonce, budget, want, score_name = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local at = 5
local CHUNK = 500 -- candidates at a time: what a command may take as arguments, and no long command by itself

-- include clauses.lua

---- drivers: each returns a function that returns the next candidates ({} at the end) and knows its position ----

local position, position_id, has_score = '', '', false -- has_score: its scores are those that are wanted

local function zset_driver()
  local name, reverse = next_arg(), next_arg() == '1'
  local key = prefix .. name
  has_score = name == score_name
  local min_text, max_text = next_arg(), next_arg() -- as text: Lua writes numbers with 14 digits
  local min, max = tonumber(min_text), tonumber(max_text)
  local from_score, from_id = next_arg(), next_arg()

  -- How many entries the walk has behind it: those beyond the bound, or beyond the last one seen. Entries come
  -- and go between slices, so ranks are found anew each time.
  local rank
  if from_score == '' then
    rank = reverse and call('ZCOUNT', key, '(' .. max_text, '+inf') or call('ZCOUNT', key, '-inf', '(' .. min_text)
  else
    rank = reverse and call('ZCOUNT', key, '(' .. from_score, '+inf') or call('ZCOUNT', key, '-inf', '(' .. from_score)
    local low, high = rank, rank + call('ZCOUNT', key, from_score, from_score)
    while low < high do -- among equals, by id
      local middle = math.floor((low + high) / 2)
      local id = call(reverse and 'ZREVRANGE' or 'ZRANGE', key, middle, middle)[1]
      local seen
      if reverse then seen = id >= from_id else seen = id <= from_id end
      if seen then low = middle + 1 else high = middle end
    end
    rank = low
  end

  return function(count)
    local found = call(reverse and 'ZREVRANGE' or 'ZRANGE', key, rank, rank + count - 1, 'WITHSCORES')
    local ids, scores = {}, {}
    rank = rank + count
    for i = 1, #found, 2 do
      local score = tonumber(found[i + 1])
      if (reverse and score < min) or (not reverse and score > max) then return ids, scores, true end
      ids[#ids + 1], scores[#scores + 1] = found[i], found[i + 1]
    end
    return ids, scores, #ids < count
  end
end

local function set_driver()
  local key, cursor, earlier = prefix .. next_arg(), next_arg(), next_list()
  position = cursor

  return function(count)
    local reply = call('SSCAN', key, position, 'COUNT', count)
    position = reply[1]
    local ids = reply[2]
    for _, name in ipairs(earlier) do
      if #ids == 0 then break end
      local seen, kept = call('SMISMEMBER', prefix .. name, unpack(ids)), {}
      for i = 1, #ids do
        if seen[i] == 0 then kept[#kept + 1] = ids[i] end
      end
      ids = kept
    end
    return ids, nil, position == '0', #reply[2]
  end
end

local function ids_driver()
  local ids = next_list()
  return function()
    local present = {}
    for _, id in ipairs(ids) do
      if call('EXISTS', prefix .. 'id:' .. id) == 1 then present[#present + 1] = id end
    end
    return present, nil, true, #ids
  end
end

---- the walk ----

local drivers = { zset = zset_driver, set = set_driver, ids = ids_driver }
local kind = next_arg()
local candidates = drivers[kind]()
local checks = next_checks()

local matches, n_matches, looked_at, exhausted, enough = {}, 0, 0, false, false
local count = want > 0 and kind == 'zset' and math.min(want, CHUNK) or CHUNK
repeat
  local ids, scores, looked
  ids, scores, exhausted, looked = candidates(math.min(count, budget - looked_at))
  looked_at = looked_at + (looked or #ids)
  if kind == 'zset' and #ids > 0 then position, position_id = scores[#ids], ids[#ids] end
  for _, check in ipairs(checks) do
    if #ids == 0 then break end
    local stays = check(ids)
    ids, scores = keep(ids, stays), scores and keep(scores, stays)
  end
  if not has_score and score_name ~= '' and #ids > 0 then
    local found = call('ZMSCORE', prefix .. score_name, unpack(ids))
    ids, scores = keep(ids, found), keep(found, found)
  end
  for i = 1, #ids do
    n_matches = n_matches + 1
    matches[2 * n_matches - 1], matches[2 * n_matches] = ids[i], scores and scores[i] or ''
    enough = kind == 'zset' and n_matches == want
    if enough then
      position, position_id = scores[i], ids[i]
      break
    end
  end
  count = math.min(count * 2, CHUNK)
until exhausted or enough or looked_at >= budget

return { nonce, looked_at, (enough or not exhausted) and '1' or '0', position, position_id, unpack(matches) }
