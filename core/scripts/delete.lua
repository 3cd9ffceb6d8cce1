-- Deletes one status: its hash, every index entry, every archived attempt.
--
-- KEYS[1]  the status' hash
-- ARGV     nonce, prefix, id, force (1 or 0), number of states, then NAME DELETABLE (1 or 0) for each
--          state, then the names of the timestamps that are sorted sets
-- returns  {nonce, outcome}: deleted, missing, not-completed

local call, key, nonce, prefix, id, force = redis.call, KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local FIRST_STATE = 6
local first_stamp = FIRST_STATE + 2 * ARGV[5]

-- include remove.lua

local old = call('HMGET', key, 'id', 'state', 'attempt', 'job_name', 'job_args', 'provider_job_id')
if not (old[1] or old[2]) then return { nonce, 'missing' } end

local state, states, times, deletable = stored_text(old[2]), {}, {}, force
for at = FIRST_STATE, first_stamp - 1, 2 do
  states[#states + 1] = ARGV[at]
  deletable = deletable or (ARGV[at] == state and ARGV[at + 1] == '1')
end
for at = first_stamp, #ARGV do times[#times + 1] = ARGV[at] end
if not deletable then return { nonce, 'not-completed' } end

remove({ id }, { { old[3], old[4], old[5], old[6] } }, states, times)
return { nonce, 'deleted' }
