-- Changes some statuses of a query: those of the given ones that still match its clauses, each tested and changed in
-- this one atomic step.
--
-- KEYS[1]  the namespace's prefix (all keys begin with it)
-- ARGV     nonce, the step ('look', 'delete', 'kill' or 'finish'), Idempotency-Key or '', fingerprint of the request,
--          lifetime of the key in ms; to finish: a count; to delete or kill: count ids..., count names of states...,
--          count names of times..., then checks
-- returns  {nonce, what, n}: 'key-reused'; 'new', nothing has been done under the key; 'open', n have been deleted and
--          there may be more; 'done', n are all; or {nonce, 'changed', n, m}, n were deleted, or have a kill request now,
--          of the first m ids

local call, prefix, at = redis.call, KEYS[1], 6
local nonce, step, client_key, fingerprint, lifetime_ms = unpack(ARGV, 1, 5)

-- include clauses.lua
-- include record.lua
-- include remove.lua

local record_key = client_key ~= '' and record_key_of(client_key)
local so_far = 0 -- deleted under this key

local function note(what, n) record_write(record_key, fingerprint, what, n, lifetime_ms) end

if record_key then
  local first, what, n = record_at(record_key)
  if first and first ~= fingerprint then return { nonce, 'key-reused', 0 } end
  so_far = tonumber(n) or 0
  if what == 'done' then return { nonce, what, so_far } end
  if step == 'look' then return { nonce, what or 'new', so_far } end
  if step == 'finish' then
    note('done', so_far + ARGV[6])
    return { nonce, 'done', so_far + ARGV[6] }
  end
end

-- How many of the ids to deal with at a time. Each argument is an index and each attempt a key, of which a status may
-- have a thousand.
local function bearable(ids)
  local EFFORT, ATTEMPT, effort = 64 * 1024, 64, 0 -- in bytes of arguments
  for i = 1, #ids do
    local args, attempts = unpack(call('HMGET', prefix .. 'id:' .. ids[i], 'job_args', 'attempt'))
    effort = effort + #(args or '') + ATTEMPT * (tonumber(attempts or 0) or 0)
    if effort > EFFORT then return math.max(1, i - 1) end
  end
  return #ids
end

local function delete_all(ids, states, times)
  local present, stored = {}, {}
  for i = 1, #ids do
    local old = call('HMGET', prefix .. 'id:' .. ids[i], 'attempt', 'job_name', 'job_args', 'provider_job_id',
      'id', 'state')
    if old[5] or old[6] then
      present[#present + 1], stored[#stored + 1] = ids[i], old
    end
  end
  remove(present, stored, states, times)
  return #present
end

-- As in change.lua: the first request's time stays, and the clock of a status never runs backwards.
local function request_kill_of_all(ids)
  local time, n = call('TIME'), 0
  local now = time[1] .. ('00000'):sub(#time[2]) .. time[2]
  for i = 1, #ids do
    local key = prefix .. 'id:' .. ids[i]
    local old = call('HMGET', key, 'kill_requested_at', 'updated_at', 'rev', 'id', 'state')
    if old[4] or old[5] then
      n = n + 1
      if not old[1] or old[1] == 'null' then
        local later = old[2] and #old[2] >= #now and old[2] > now
        local stamp = later and old[2] or now
        call('HSET', key, 'kill_requested_at', stamp, 'updated_at', stamp, 'rev', (tonumber(old[3]) or 0) + 1)
      end
    end
  end
  return n
end

local ids, states, times = next_list(), next_list(), next_list()
local done = bearable(ids)
for i = #ids, done + 1, -1 do ids[i] = nil end
ids = next_checks()(ids)
local changed
if step == 'delete' then
  changed = delete_all(ids, states, times)
  if record_key then note('open', so_far + changed) end -- a kill request may be made again, a deletion is counted once
else
  changed = request_kill_of_all(ids)
end
return { nonce, 'changed', changed, done }
