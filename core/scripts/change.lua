-- Creates, finds or changes one status in one atomic step. Redis does not roll back, so everything is
-- read and checked before the first write. JSON of clients is opaque bytes here; only what this
-- service or the gem stored as plain strings is decoded, to find the index entries to remove.
--
-- KEYS[1]  the status' hash
-- ARGV     as unpacked below; '' leaves a thing as it is. Of the two of a kind the first is JSON, the
--          second its text as the index spells it; behind them, the texts of the values of job_args
-- returns  {nonce, outcome}: created, found, changed, same, exists, missing, errors-full

local key = KEYS[1]
local nonce, prefix, id, mode, errors_max, -- mode: create, find or change
  state, stamp, progress, data, added_error, kill,
  name, name_text, provider, provider_text, args = unpack(ARGV, 1, 16)
local FIRST_ARG = 17

-- Absent and null are the same: the gem writes null for what a restart did not have.
local function read(field)
  local json = redis.call('HGET', key, field)
  return json and json ~= 'null' and json or nil
end

local function decode(json)
  local ok, decoded = pcall(cjson.decode, '[' .. json .. ']')
  return ok and decoded[1] or nil
end

---- read ----

local old = redis.call('HMGET', key, 'id', 'state', 'updated_at', 'rev')
local exists = old[1] or old[2]
if not exists then
  if mode == 'change' then return { nonce, 'missing' } end
elseif mode ~= 'change' then
  return { nonce, mode == 'find' and 'found' or 'exists' }
end

-- The clock of a status never runs backwards, whatever the machine's does.
local time = redis.call('TIME')
local now = time[1] .. string.format('%06d', time[2])
if old[3] and #old[3] >= #now and old[3] > now then now = old[3] end

---- plan: fields to write (name, JSON, name, JSON...) and index entries to move ----

local fields, n = {}, 0
local moves = {} -- each: type of the key, command, key, arguments

local function put(field, json)
  fields[n + 1], fields[n + 2] = field, json
  n = n + 2
end

local function add(set) moves[#moves + 1] = { 'set', 'SADD', prefix .. set, id } end
local function remove(set) moves[#moves + 1] = { 'set', 'SREM', prefix .. set, id } end

local function record(timestamp)
  put(timestamp, now)
  moves[#moves + 1] = { 'zset', 'ZADD', prefix .. timestamp, now, id }
end

-- The old attempt is archived whole; the new one begins with what survives.
local function begin_attempt(attempt)
  put('id', '"' .. id .. '"')
  put('progress', '0')
  put('errors', '[]')
  put('attempt', string.format('%d', attempt))
end

local restart -- the attempt to archive
if not exists then
  begin_attempt(0)
  if stamp ~= 'recorded_at' then record('recorded_at') end
elseif state == 'started' and read('started_at') then
  restart = tonumber(read('attempt') or 0)
  begin_attempt(restart + 1)
  for _, field in ipairs({ 'recorded_at', 'queued_at', 'job_name', 'job_args', 'provider_job_id' }) do
    local json = read(field)
    if json then put(field, json) end
  end
  for _, timestamp in ipairs({ 'succeeded_at', 'failed_at', 'killed_at' }) do
    moves[#moves + 1] = { 'zset', 'ZREM', prefix .. timestamp, id }
  end
end

local old_state = old[2] and old[2]:sub(2, -2)
local enters = state ~= '' and (restart or state ~= old_state)
if enters then
  if old_state then remove(old_state) end
  add(state)
  put('state', '"' .. state .. '"')
  if restart or not read(stamp) then record(stamp) end
end

if data ~= '' then put('data', data) end
if enters and state == 'succeeded' then
  put('progress', '1.0')
elseif progress ~= '' then
  put('progress', progress)
end

if added_error ~= '' then
  local errors = not restart and read('errors') or '[]'
  if #errors + #added_error + 1 > tonumber(errors_max) then return { nonce, 'errors-full' } end
  if errors:sub(1, 1) ~= '[' or errors:sub(-1) ~= ']' then error('errors is not an array') end
  local comma = errors == '[]' and '' or ','
  put('errors', errors:sub(1, -2) .. comma .. added_error .. ']')
end

-- Of an index with a set of ids for each value: out of the sets of values that went, into those that came.
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

if name ~= '' then
  local before = read('job_name')
  put('job_name', name)
  reindex('job_name:', { before and decode(before) }, { name_text })
end

if provider ~= '' then
  local before = read('provider_job_id')
  if before and before:sub(1, 1) == '"' then before = decode(before) end -- a number is its own text
  put('provider_job_id', provider)
  reindex('provider_job_id:', { before }, { provider_text })
end

if args ~= '' then
  local before, after = read('job_args'), {}
  for at = FIRST_ARG, #ARGV do after[#after + 1] = ARGV[at] end
  put('job_args', args)
  reindex('job_arg:', before and decode(before) or {}, after)
end

if kill ~= '' and not read('kill_requested_at') then put('kill_requested_at', now) end

if n == 0 then return { nonce, 'same' } end
put('updated_at', now)
put('rev', string.format('%.0f', (tonumber(old[4]) or 0) + 1))

-- A key of the wrong type is the only way in which a write below could fail.
for _, move in ipairs(moves) do
  local kind = redis.call('TYPE', move[3]).ok
  if kind ~= move[1] and kind ~= 'none' then error('an index key is a ' .. kind) end
end

---- write ----

if restart then
  local archive = string.format('%s:%d', key, restart)
  redis.call('RENAME', key, archive)
  redis.call('HSET', archive, 'id', string.format('"%s:%d"', id, restart))
end
redis.call('HSET', key, unpack(fields))
for _, move in ipairs(moves) do redis.call(move[2], unpack(move, 3)) end
return { nonce, exists and 'changed' or 'created' }
