-- What a change is bound to: a key that makes a repetition harmless, and how the status has to be. Included behind
-- `local call, key, nonce, prefix, id`; ARGV[4] says how many arguments at the end are guards:
--   key, fingerprint of the request, lifetime of the key in ms, that of a refusal under it, attempt, states
--   (queued,started), ETags ("a", "b" or *), names of all fields in their order (id,state,...); '' asks for nothing.
--
-- A change without guards costs nothing: what it does not need is not even defined.

local last = #ARGV - ARGV[4] -- of the other arguments

-- replay()              the answer to what has been done under the key before; nil: nothing has
-- record(outcome, of)   uses up the key, as the last write of the change, or as its only one; `of`: whose change it was,
--                       if the request does not tell
-- refusal(state, attempt, next_fits)   why the status, as it is, is not to be changed; nil: it may be. next_fits: the
--                       attempt may be the one before, as the change begins the next
local replay, record, refusal -- nil: there is no key, no key, no guard
local note_refusal -- nil: there is no key
local wanted_attempt, wanted_etags

-- The answer to what the status, as it is, stands in the way of.
local function refused(why)
  if note_refusal then note_refusal(why) end
  if why == 'missing' or why == 'errors-full' then return { nonce, why } end
  return { nonce, why, call('HGETALL', key) }
end

if last < #ARGV then
  local client_key, fingerprint, key_ms, refusal_ms, attempt_text, wanted_states, etags, all_fields =
    unpack(ARGV, last + 1)
  wanted_attempt, wanted_etags = tonumber(attempt_text), etags

  if client_key ~= '' then
    -- include record.lua
    local record_key = record_key_of(client_key)

    function replay()
      local first, outcome, more = record_at(record_key)
      if not first then return nil end
      if first ~= fingerprint then return { nonce, 'key-reused' } end
      if outcome == 'refused' then return refused(more) end
      if more == '' or more == id then return { nonce, 'replayed', outcome } end
      return { nonce, 'replayed', outcome, more, call('HGETALL', prefix .. 'id:' .. more) }
    end

    function record(outcome, of) record_write(record_key, fingerprint, outcome, of or '', key_ms) end

    -- It stands for as long as another try of the same request may be under way: one that was delayed must not make the
    -- change when its repetition has been refused. What does not fit into a full Redis is refused without.
    function note_refusal(why)
      redis.pcall('SET', record_key, fingerprint .. ' refused ' .. why, 'PX', refusal_ms)
    end
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

  function refusal(state, attempt, next_fits)
    local wanted = wanted_attempt
    if wanted and attempt ~= wanted and not (next_fits and attempt + 1 == wanted) then return 'wrong-attempt' end
    if wanted_states ~= '' and not (',' .. wanted_states .. ','):find(',' .. (state or '') .. ',', 1, true) then
      return 'wrong-state'
    end
    if etags ~= '' and etags ~= '*' and not etags:find(etag(), 1, true) then return 'wrong-etag' end
    return nil
  end
end
