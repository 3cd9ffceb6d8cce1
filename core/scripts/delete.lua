-- Deletes one status: its hash, every index entry, every archived attempt.
--
-- KEYS[1]  the status' hash
-- ARGV     nonce, prefix, id, force (1 or 0), number of states, then NAME DELETABLE (1 or 0) for each
--          state, then the names of the timestamps that are sorted sets
-- returns  {nonce, outcome}: deleted, missing, not-completed

local key, prefix, id = KEYS[1], ARGV[2], ARGV[3]

local function decode(stored)
  if not stored then return nil end
  local ok, decoded = pcall(cjson.decode, '[' .. stored .. ']')
  return ok and decoded[1] ~= cjson.null and decoded[1] or nil
end

local old = redis.call('HMGET', key, 'id', 'state', 'attempt', 'job_name', 'job_args', 'provider_job_id')
if not (old[1] or old[2]) then return { ARGV[1], 'missing' } end

local state = decode(old[2])
local first_stamp = 6 + 2 * ARGV[5]
local deletable = ARGV[4] == '1'
for at = 6, first_stamp - 1, 2 do
  deletable = deletable or (ARGV[at] == state and ARGV[at + 1] == '1')
end
if not deletable then return { ARGV[1], 'not-completed' } end

local sets = {}
for at = 6, first_stamp - 1, 2 do sets[#sets + 1] = ARGV[at] end
local name, provider = decode(old[4]), old[6]
if provider and provider:sub(1, 1) == '"' then provider = decode(provider) end
if name then sets[#sets + 1] = 'job_name:' .. name end
if provider then sets[#sets + 1] = 'provider_job_id:' .. provider end
for _, text in pairs(decode(old[5]) or {}) do sets[#sets + 1] = 'job_arg:' .. text end

local function expect(index, wanted)
  local kind = redis.call('TYPE', index).ok
  if kind ~= wanted and kind ~= 'none' then error('an index key is a ' .. kind) end
end
for _, set in ipairs(sets) do expect(prefix .. set, 'set') end
for at = first_stamp, #ARGV do expect(prefix .. ARGV[at], 'zset') end

redis.call('UNLINK', key)
for _, set in ipairs(sets) do redis.call('SREM', prefix .. set, id) end
for at = first_stamp, #ARGV do redis.call('ZREM', prefix .. ARGV[at], id) end
for attempt = 0, (tonumber(old[3] or 0) or 0) - 1 do
  redis.call('UNLINK', string.format('%s:%d', key, attempt))
end
return { ARGV[1], 'deleted' }
