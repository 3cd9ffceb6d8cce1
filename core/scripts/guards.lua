-- What a change is bound to: a key that makes a repetition harmless, and how the status has to be. Included behind
-- `local call, key, nonce, prefix, id`; ARGV[4] says how many arguments at the end are guards:
--   key, fingerprint of the request, lifetime of the key in ms, attempt, states (queued,started), ETags ("a", "b" or
--   *), names of all fields in their order (id,state,...); '' asks for nothing.

-- include record.lua

local last = #ARGV - ARGV[4] -- of the other arguments
local client_key, fingerprint, key_ms, wanted_attempt, wanted_states, wanted_etags, all_fields = unpack(ARGV, last + 1)
local guarded = client_key ~= nil
local record_key = guarded and client_key ~= '' and record_key_of(client_key)

-- The answer to what has been done under this key before; nil: nothing has.
local function replay()
  if not record_key then return nil end
  local first, outcome, of = record_at(record_key)
  if not first then return nil end
  if first ~= fingerprint then return { nonce, 'key-reused' } end
  if of == '' or of == id then return { nonce, 'replayed', outcome } end
  return { nonce, 'replayed', outcome, of, call('HGETALL', prefix .. 'id:' .. of) }
end

-- The answer to what the status, as it is, stands in the way of.
local function refused(why) return { nonce, why, call('HGETALL', key) } end

-- The change is made, or nothing was to change: with the same step its key is used up. `of`: whose change it was, if
-- the request does not tell.
local function done(outcome, of)
  if record_key then record_write(record_key, fingerprint, outcome, of or '', key_ms) end
  return { nonce, outcome }
end

-- As status_etag.c makes it.
local function etag()
  local names = {}
  for name in all_fields:gmatch('[^,]+') do names[#names + 1] = name end
  local values = call('HMGET', key, unpack(names))
  for i = 1, #names do
    if not values[i] or values[i] == 'null' then values[i] = '' end
  end
  return '"' .. redis.sha1hex(table.concat(values, ',') .. ','):sub(1, 24) .. '"'
end

-- Why the status, as it is, is not to be changed; nil: it may be. `next_fits`: the attempt may be the one before, as
-- the change begins the next.
local function refusal(state, attempt, next_fits)
  local wanted = tonumber(wanted_attempt)
  if wanted and attempt ~= wanted and not (next_fits and attempt + 1 == wanted) then return 'wrong-attempt' end
  if wanted_states ~= '' and not (',' .. wanted_states .. ','):find(',' .. (state or '') .. ',', 1, true) then
    return 'wrong-state'
  end
  if wanted_etags ~= '' and wanted_etags ~= '*' and not wanted_etags:find(etag(), 1, true) then
    return 'wrong-etag'
  end
  return nil
end
