-- Creates, finds or changes one status in one atomic step. Redis does not roll back, so everything is
-- read and checked before the first write. JSON of clients is opaque bytes here; only what this
-- service or the gem stored as plain strings is decoded, to find the index entries to remove.
--
-- KEYS[1]  the status' hash
-- ARGV     nonce, prefix, id, mode (create, find, change), most bytes of the errors array, then steps:
--            state NAME TIMESTAMP           enter a state
--            set FIELD JSON                 progress, data
--            error JSON                     append to errors
--            name JSON TEXT                 job_name, and as the index spells it
--            args JSON N TEXT...            job_args, and their N values
--            provider JSON TEXT             provider_job_id, and as the index spells it
--            kill                           request a kill
-- returns  {nonce, outcome}: created, found, changed, same, exists, missing, errors-full

local key, prefix, id, mode = KEYS[1], ARGV[2], ARGV[3], ARGV[4]

-- Absent and null are the same: the gem writes null for what a restart did not have.
local function value(stored)
  return stored and stored ~= 'null' and stored or nil
end

local function decode(stored)
  if not value(stored) then return nil end
  local ok, decoded = pcall(cjson.decode, '[' .. stored .. ']')
  return ok and decoded[1] or nil
end

---- read ----

local step, i = {}, 6
local widths = { state = 3, set = 3, error = 2, name = 3, provider = 3, kill = 1 }
local set = {}
while ARGV[i] do
  local name = ARGV[i]
  if name == 'set' then set[#set + 1] = i else step[name] = i end
  i = i + (widths[name] or 3 + ARGV[i + 2])
end

local state = step.state and ARGV[step.state + 1]
local stamp = step.state and ARGV[step.state + 2] or 'recorded_at'
local old = redis.call('HMGET', key, 'id', 'state', stamp, 'started_at', 'attempt', 'updated_at', 'rev')
local exists = old[1] or old[2]
local old_state = decode(old[2])
local attempt = tonumber(value(old[5]) or 0)

if exists and mode == 'create' then return { ARGV[1], 'exists' } end
if exists and mode == 'find' then return { ARGV[1], 'found' } end
if not exists and mode == 'change' then return { ARGV[1], 'missing' } end

-- The clock of a status never runs backwards, whatever the machine's does.
local time = redis.call('TIME')
local now = math.max(time[1] * 1000000 + time[2], tonumber(value(old[6]) or 0))
now = string.format('%.0f', now)

---- plan: fields to write and index entries to move ----

local fields, moves = {}, {}

local function put(field, json)
  fields[#fields + 1] = field
  fields[#fields + 1] = json
end

local function add(set_name)
  moves[#moves + 1] = { 'set', 'SADD', prefix .. set_name, id }
end

local function remove(set_name)
  moves[#moves + 1] = { 'set', 'SREM', prefix .. set_name, id }
end

local function record(timestamp)
  put(timestamp, now)
  moves[#moves + 1] = { 'zset', 'ZADD', prefix .. timestamp, now, id }
end

local function forget(timestamp)
  moves[#moves + 1] = { 'zset', 'ZREM', prefix .. timestamp, id }
end

local restart = exists and state == 'started' and value(old[4])

if not exists then
  put('id', '"' .. id .. '"')
  put('progress', '0')
  put('errors', '[]')
  put('attempt', '0')
  if stamp ~= 'recorded_at' then record('recorded_at') end
end

if restart then
  local survive = { 'recorded_at', 'queued_at', 'job_name', 'job_args', 'provider_job_id' }
  local kept = redis.call('HMGET', key, unpack(survive))
  put('id', '"' .. id .. '"')
  put('progress', '0')
  put('errors', '[]')
  put('attempt', string.format('%d', attempt + 1))
  for at, field in ipairs(survive) do
    if value(kept[at]) then put(field, kept[at]) end
  end
  forget('succeeded_at')
  forget('failed_at')
  forget('killed_at')
end

if state and (restart or state ~= old_state) then
  if old_state then remove(old_state) end
  add(state)
  put('state', '"' .. state .. '"')
  if restart or not value(old[3]) then record(stamp) end
end

for _, at in ipairs(set) do
  put(ARGV[at + 1], ARGV[at + 2])
end
if state == 'succeeded' and state ~= old_state then put('progress', '1.0') end

if step.error then
  local errors = not restart and value(redis.call('HGET', key, 'errors')) or '[]'
  local added = ARGV[step.error + 1]
  if #errors + #added + 1 > tonumber(ARGV[5]) then return { ARGV[1], 'errors-full' } end
  if errors:sub(1, 1) ~= '[' or errors:sub(-1) ~= ']' then error('errors is not an array') end
  put('errors', errors == '[]' and '[' .. added .. ']' or errors:sub(1, -2) .. ',' .. added .. ']')
end

-- Of an index with one key for each value: out of the sets of values that went, into those that came.
local function reindex(index, before, after)
  local keep = {}
  for _, text in ipairs(after) do
    keep[text] = true
    add(index .. text)
  end
  for _, text in pairs(before) do
    if not keep[text] then remove(index .. text) end
  end
end

if step.name then
  put('job_name', ARGV[step.name + 1])
  reindex('job_name:', { decode(redis.call('HGET', key, 'job_name')) }, { ARGV[step.name + 2] })
end

if step.provider then
  local before = value(redis.call('HGET', key, 'provider_job_id'))
  if before and before:sub(1, 1) == '"' then before = decode(before) end -- a number is its own text
  put('provider_job_id', ARGV[step.provider + 1])
  reindex('provider_job_id:', { before }, { ARGV[step.provider + 2] })
end

if step.args then
  local after = {}
  for at = 1, tonumber(ARGV[step.args + 2]) do
    after[at] = ARGV[step.args + 2 + at]
  end
  put('job_args', ARGV[step.args + 1])
  reindex('job_arg:', decode(redis.call('HGET', key, 'job_args')) or {}, after)
end

if step.kill and not value(redis.call('HGET', key, 'kill_requested_at') or nil) then
  put('kill_requested_at', now)
end

if #fields == 0 then return { ARGV[1], 'same' } end
put('updated_at', now)
put('rev', string.format('%.0f', tonumber(value(old[7]) or 0) + 1))

-- A key of the wrong type is the only way in which a write below could fail.
for _, move in ipairs(moves) do
  local kind = redis.call('TYPE', move[3]).ok
  if kind ~= move[1] and kind ~= 'none' then error('an index key is a ' .. kind) end
end

---- write ----

if restart then
  local archive = string.format('%s:%d', key, attempt)
  redis.call('RENAME', key, archive)
  redis.call('HSET', archive, 'id', string.format('"%s:%d"', id, attempt))
end
for at = 1, #fields, 7000 do -- unpack takes less than 8,000
  redis.call('HSET', key, unpack(fields, at, math.min(at + 6999, #fields)))
end
for _, move in ipairs(moves) do
  redis.call(move[2], unpack(move, 3))
end
return { ARGV[1], exists and 'changed' or 'created' }
