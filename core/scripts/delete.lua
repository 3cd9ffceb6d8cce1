-- Deletes one status: its hash, every index entry, every archived attempt.
--
-- KEYS[1]  the status' hash
-- ARGV     nonce, prefix, id, number of guards, force (1 or 0), number of states, then NAME DELETABLE (1 or 0) for
--          each state, then the names of the timestamps that are sorted sets, then guards
-- returns  {nonce, outcome}: deleted, missing, key-reused; or with the hash behind it: not-completed, wrong-attempt,
--          wrong-state, wrong-etag; or as replay() says

local call, key, nonce, prefix, id, force = redis.call, KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[5] == '1'
local FIRST_STATE = 7
local first_stamp = FIRST_STATE + 2 * ARGV[6]

-- include guards.lua
-- include remove.lua

local earlier = replay and replay()
if earlier then return earlier end

local old = call('HMGET', key, 'id', 'state', 'attempt', 'job_name', 'job_args', 'provider_job_id')
if not (old[1] or old[2]) then return refused('missing') end

local state, states, times, deletable = stored_text(old[2]), {}, {}, force
local why = refusal and refusal(state, tonumber(old[3]) or 0, false)
if why then return refused(why) end
for at = FIRST_STATE, first_stamp - 1, 2 do
  states[#states + 1] = ARGV[at]
  deletable = deletable or (ARGV[at] == state and ARGV[at + 1] == '1')
end
for at = first_stamp, last do times[#times + 1] = ARGV[at] end
if not deletable then return refused('not-completed') end

remove({ id }, { { old[3], old[4], old[5], old[6] } }, states, times)
if record then record('deleted') end
return { nonce, 'deleted' }
