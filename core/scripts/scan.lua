-- One slice of a query: looks at some candidates of the driver, and returns those that match every check.
-- Reads only. Bounded by `budget`, as Redis does nothing else meanwhile.
--
-- KEYS[1]  the namespace's prefix (all keys begin with it)
-- ARGV     nonce, budget (candidates to look at), want (stop after so many matches; 0: never), whether this is the
--          first slice of the walk (1/0), score (name of the sorted set whose score a match must have and is returned
--          with; '' for none), best (of an unordered walk: how many matches to return, those that come first by score
--          and id; 0: all), whether the highest come first (1/0), then the driver, then checks
--   driver 'zset' name reverse(1/0) min max from_score from_id   in order, from behind that entry ('' '': from the start)
--          'set' name cursor                                     unordered
--          'ids' from count ids...                               from: how many of them are done
-- returns  {nonce, looked_at, more(1/0), position, position_id, id, score, id, score...}
--          position: the score and id of the last candidate of a zset; the cursor of a set; how many ids are done

local call, prefix = redis.call, KEYS[1]
local nonce, budget, want, first, score_name = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1', ARGV[5]
local most_returned, descending = tonumber(ARGV[6]), ARGV[7] == '1'
local at = 8
local CHUNK = 500 -- candidates at a time: what a command may take as arguments, and no long command by itself
local BYTES = 256 * 1024 -- to read of hashes

-- include clauses.lua

-- By bytes, as Redis orders them: Lua's own comparison follows the locale of Redis.
local function id_is_less(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = a:byte(i), b:byte(i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

---- drivers: each returns a function that returns up to so many next candidates, how many it looked at, and whether
---- they were the last ----

local position, position_id = '', '' -- where the next slice begins

-- How many entries a walk has behind it that goes on behind this entry. Entries come and go between slices, so that
-- ranks are found anew each time.
local function rank_behind(key, reverse, from_score, from_id)
  local rank = reverse and call('ZCOUNT', key, '(' .. from_score, '+inf')
    or call('ZCOUNT', key, '-inf', '(' .. from_score)
  local low, high = rank, rank + call('ZCOUNT', key, from_score, from_score)
  while low < high do -- among equals, by id
    local middle = math.floor((low + high) / 2)
    local id = call(reverse and 'ZREVRANGE' or 'ZRANGE', key, middle, middle)[1]
    local seen
    if reverse then seen = not id_is_less(id, from_id) else seen = not id_is_less(from_id, id) end
    if seen then low = middle + 1 else high = middle end
  end
  return low
end

-- Without scores, which Redis would have to write out for each candidate: ranks tell where the bounds are.
local function zset_driver()
  local key, reverse = prefix .. next_arg(), next_arg() == '1'
  local min, max, from_score, from_id = next_arg(), next_arg(), next_arg(), next_arg() -- Lua's numbers have 14 digits
  local command = reverse and 'ZREVRANGE' or 'ZRANGE'
  local rank, stop
  if from_score ~= '' then
    rank = rank_behind(key, reverse, from_score, from_id)
  else
    rank = reverse and call('ZCOUNT', key, '(' .. max, '+inf') or call('ZCOUNT', key, '-inf', '(' .. min)
  end
  stop = reverse and call('ZCOUNT', key, min, '+inf') or call('ZCOUNT', key, '-inf', max)

  return function(count)
    if rank >= stop then return {}, 0, true end
    local ids = call(command, key, rank, math.min(rank + count, stop) - 1)
    rank = rank + count
    return ids, #ids, rank >= stop
  end, function(id)
    position_id, position = id, call('ZSCORE', key, id)
  end
end

local function set_driver()
  local key = prefix .. next_arg()
  position = next_arg()

  return function(count)
    local reply = call('SSCAN', key, position, 'COUNT', count)
    position = reply[1]
    return reply[2], #reply[2], position == '0'
  end
end

local function ids_driver()
  local from, ids = tonumber(next_arg()), next_list()

  return function(count)
    local present, last = {}, math.min(from + count, #ids)
    for i = from + 1, last do
      if call('EXISTS', prefix .. 'id:' .. ids[i]) == 1 then present[#present + 1] = ids[i] end
    end
    local n = last - from
    from, position = last, tostring(last)
    return present, n, last == #ids
  end
end

---- the walk ----

local drivers = { zset = zset_driver, set = set_driver, ids = ids_driver }
local candidates, go_on_behind = drivers[next_arg()]() -- go_on_behind: of a walk in order
local check = next_checks()

local matches, n_matches, looked_at = {}, 0, 0

-- Of an unordered walk, only those that come first are worth returning.
local best, best_scores = {}, {}

local function is_before(score, id, other_score, other_id)
  if score ~= other_score then return (score > other_score) == descending end
  if descending then return id_is_less(other_id, id) end
  return id_is_less(id, other_id)
end

local function offer(id, text)
  local score, n = tonumber(text), #best
  if n == most_returned and not is_before(score, id, best_scores[n], best[n]) then return end
  for i = 1, n do
    if best[i] == id then return end -- a set that is rehashed tells some members twice
  end
  local place = n < most_returned and n + 1 or n
  while place > 1 and is_before(score, id, best_scores[place - 1], best[place - 1]) do
    best[place], best_scores[place] = best[place - 1], best_scores[place - 1]
    place = place - 1
  end
  best[place], best_scores[place] = id, score
end

local function add_matches(ids)
  local scores = #ids > 0 and score_name ~= '' and call('ZMSCORE', prefix .. score_name, unpack(ids))
  for i = 1, #ids do
    if scores and most_returned > 0 then
      if scores[i] then offer(ids[i], scores[i]) end
    elseif not scores or scores[i] then
      n_matches = n_matches + 1
      matches[2 * n_matches - 1], matches[2 * n_matches] = ids[i], scores and scores[i] or ''
    end
    if go_on_behind and want > 0 and n_matches == want then return ids[i] end
  end
end

-- Few at first: if few are wanted they may be among the first, and if hashes are read those may be big. And if few are
-- wanted not many at a time later, as what comes behind the last one is looked at in vain.
local few_wanted = go_on_behind and want > 0
local most = few_wanted and want < CHUNK and 200 or CHUNK
local count, exhausted, last_wanted = few_wanted and first and math.min(want, most) or most, false, nil
if reads_hashes then count = math.min(count, 4) end
repeat
  local ids, n
  ids, n, exhausted = candidates(math.min(count, budget - looked_at))
  looked_at = looked_at + n
  last_wanted = add_matches(check(ids))
  if go_on_behind and (last_wanted or #ids > 0) then position_id = last_wanted or ids[#ids] end
  count = math.min(count * 2, most)
  if bytes_read > 0 then count = math.min(count, math.ceil((BYTES - bytes_read) * looked_at / bytes_read)) end
until exhausted or last_wanted or looked_at >= budget or bytes_read >= BYTES
if position_id ~= '' then go_on_behind(position_id) end
for i = 1, #best do
  matches[2 * i - 1], matches[2 * i] = best[i], string.format('%.0f', best_scores[i])
end

return { nonce, looked_at, (last_wanted or not exhausted) and '1' or '0', position, position_id, unpack(matches) }
