-- Creates, finds or changes one status in one atomic step. Redis does not roll back, so everything is
-- read and checked before the first write. JSON of clients is opaque bytes here; only what this
-- service or the gem stored as plain strings is decoded, to find the index entries to remove.
--
-- Written to be cheap, for Redis does nothing else meanwhile: no table is made and no command is sent that the
-- change at hand does not need.
--
-- KEYS[1]  the status' hash
-- ARGV     as unpacked below; '' leaves a thing as it is, and so does what is missing at the end. Of the two of
--          a kind the first is JSON, the second its text as the index spells it; behind them, the texts of the
--          values of job_args, then guards
-- returns  {nonce, outcome}: created, found, changed, same, missing, errors-full, key-reused; or with the hash behind
--          it: exists, wrong-attempt, wrong-state, wrong-etag; or as replay() says

local call, key, nonce, prefix, id = redis.call, KEYS[1], ARGV[1], ARGV[2], ARGV[3]

-- include guards.lua

local mode, errors_max, -- mode: create, find or change
  state, stamp, progress, data, added_error, kill,
  name, name_text, provider, provider_text, args = unpack(ARGV, 5, last)
local FIRST_ARG = 18
state, progress, data, added_error = state or '', progress or '', data or '', added_error or ''
kill, name, provider, args = kill or '', name or '', provider or '', args or ''

---- read ----

local earlier = replay and replay()
if earlier then return earlier end

local old
if state == '' and not refusal then
  old = call('HMGET', key, 'id', 'state', 'updated_at', 'rev')
else
  old = call('HMGET', key, 'id', 'state', 'updated_at', 'rev', stamp or 'state', 'started_at', 'attempt')
end
local exists = old[1] or old[2]
if not exists then
  if mode == 'change' then return refused('missing') end
  if refusal and wanted_etags ~= '' then return refused('wrong-etag') end
elseif mode == 'create' then
  return refused('exists')
end

local old_state = old[2] and old[2]:sub(2, -2)
local started = exists and old[6] and old[6] ~= 'null'
local attempt = exists and tonumber(old[7]) or 0
local starts = state == 'started'
if refusal and exists then
  local why = refusal(old_state, attempt, starts and started)
  if why then return refused(why) end
end
if mode == 'find' and exists then
  if record then record('found') end
  return { nonce, 'found' }
end
if starts and started and attempt == wanted_attempt then
  state, starts = '', false -- this attempt has begun: to report it once more begins no other
end

-- The clock of a status never runs backwards, whatever the machine's does.
local time = call('TIME')
local now = time[1] .. ('00000'):sub(#time[2]) .. time[2]
if old[3] and #old[3] >= #now and old[3] > now then now = old[3] end

---- plan: fields to write (name, JSON, name, JSON...), sets and sorted sets to enter and to leave ----

local fields, n = {}, 0
local enter, leave, stamps, forget -- lists of index names; nil: none

local function put(field, json)
  fields[n + 1], fields[n + 2] = field, json
  n = n + 2
end

local restart = starts and started

if restart or not exists then
  put('id', '"' .. id .. '"')
  put('progress', '0')
  put('errors', '[]')
  put('attempt', string.format('%d', restart and attempt + 1 or 0))
end
if restart then
  local survive = { 'recorded_at', 'queued_at', 'job_name', 'job_args', 'provider_job_id' }
  local values = call('HMGET', key, unpack(survive))
  for i = 1, #survive do
    if values[i] and values[i] ~= 'null' then put(survive[i], values[i]) end
  end
  forget = { 'succeeded_at', 'failed_at', 'killed_at' }
elseif not exists and stamp ~= 'recorded_at' then
  stamps = { 'recorded_at' }
  put('recorded_at', now)
end

local enters = state ~= '' and (restart or state ~= old_state)
if enters then
  put('state', '"' .. state .. '"')
  -- Absent and null are the same: the gem writes null for what a restart did not have.
  if restart or not old[5] or old[5] == 'null' then
    stamps = stamps or {}
    stamps[#stamps + 1] = stamp
    put(stamp, now)
  end
end

if data ~= '' then put('data', data) end
if enters and state == 'succeeded' then
  put('progress', '1.0')
elseif progress ~= '' then
  put('progress', progress)
end

if added_error ~= '' then
  local errors = not restart and call('HGET', key, 'errors') or '[]'
  if errors == 'null' then errors = '[]' end
  if #errors + #added_error + 1 > tonumber(errors_max) then return refused('errors-full') end
  if errors:sub(1, 1) ~= '[' or errors:sub(-1) ~= ']' then error('errors is not an array') end
  local comma = errors == '[]' and '' or ','
  put('errors', errors:sub(1, -2) .. comma .. added_error .. ']')
end

if kill ~= '' then
  local first = call('HGET', key, 'kill_requested_at')
  if not first or first == 'null' then put('kill_requested_at', now) end
end

if name ~= '' or provider ~= '' or args ~= '' then
  enter, leave = {}, {}

  local function decode(json)
    local ok, decoded = pcall(cjson.decode, '[' .. (json or 'null') .. ']')
    return ok and decoded[1] ~= cjson.null and decoded[1] or nil
  end

  -- Of an index with a set of ids for each value: out of the sets of values that went, into those that came.
  local function reindex(index, before, after)
    local keep = {}
    for _, text in ipairs(after) do
      keep[text] = true
      enter[#enter + 1] = index .. text
    end
    for _, text in pairs(before) do
      if not keep[text] then leave[#leave + 1] = index .. text end
    end
  end

  local before = call('HMGET', key, 'job_name', 'provider_job_id', 'job_args')
  if name ~= '' then
    put('job_name', name)
    reindex('job_name:', { decode(before[1]) }, { name_text })
  end
  if provider ~= '' then
    local text = before[2] -- a number is its own text
    if not text or text:sub(1, 1) == '"' or text == 'null' then text = decode(text) end
    put('provider_job_id', provider)
    reindex('provider_job_id:', { text }, { provider_text })
  end
  if args ~= '' then
    local after = {}
    for i = FIRST_ARG, last do after[#after + 1] = ARGV[i] end
    put('job_args', args)
    reindex('job_arg:', decode(before[3]) or {}, after)
  end
end

if n == 0 then
  if record then record('same') end
  return { nonce, 'same' }
end
put('updated_at', now)
put('rev', (tonumber(old[4]) or 0) + 1)

---- check: a key of the wrong type is the only way in which a write below could fail ----

if enter then
  for i = 1, #enter do call('SCARD', prefix .. enter[i]) end
  for i = 1, #leave do call('SCARD', prefix .. leave[i]) end
end
if stamps then
  for i = 1, #stamps do call('ZCARD', prefix .. stamps[i]) end
end
if forget then
  for i = 1, #forget do call('ZCARD', prefix .. forget[i]) end
end

---- write: first between the sets of the states, which were not checked above ----

if enters then
  local into = prefix .. state
  local added = call('SADD', into, id) -- Redis refuses this one, and all of the script, when it is out of memory
  local left = old_state and old_state ~= state and redis.pcall('SREM', prefix .. old_state, id)
  if type(left) == 'table' then -- an error: the key is no set
    if added == 1 then call('SREM', into, id) end
    return left
  end
end
if restart then
  local archive = string.format('%s:%d', key, attempt)
  call('RENAME', key, archive)
  call('HSET', archive, 'id', string.format('"%s:%d"', id, attempt))
end
call('HSET', key, unpack(fields))
if enter then
  for i = 1, #leave do call('SREM', prefix .. leave[i], id) end
  for i = 1, #enter do call('SADD', prefix .. enter[i], id) end
end
if stamps then
  for i = 1, #stamps do call('ZADD', prefix .. stamps[i], now, id) end
end
if forget then
  for i = 1, #forget do call('ZREM', prefix .. forget[i], id) end
end
local outcome = exists and 'changed' or 'created'
if record then record(outcome, not exists and id) end
return { nonce, outcome }
