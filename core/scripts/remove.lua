-- Removes statuses: hashes, every index entry, every archived attempt. Included behind `local call, prefix`.
--
-- All is read and checked before the first write, as a key of the wrong type is the only way in which a write could
-- fail; and what goes out of one index goes with one command, as commands are most of what many removals cost.

-- include stored.lua

-- The indexes besides those of states and times. stored: the hash's attempt, job_name, job_args, provider_job_id
local function sets_of(stored)
  local sets, name, provider = {}, stored_text(stored[2]), stored[4]
  if provider and provider:sub(1, 1) == '"' then provider = stored_text(provider) end
  if name then sets[#sets + 1] = 'job_name:' .. name end
  if provider then sets[#sets + 1] = 'provider_job_id:' .. provider end
  if stored[3] and stored[3] ~= '{}' then
    for _, text in pairs(stored_text(stored[3]) or {}) do sets[#sets + 1] = 'job_arg:' .. text end
  end
  return sets
end

local function expect(index, wanted)
  local kind = call('TYPE', index).ok
  if kind ~= wanted and kind ~= 'none' then error('an index key is a ' .. kind) end
end

-- ids and what is stored of each, not more than a command takes as arguments; states, times: names of their indexes
local function remove(ids, stored, states, times)
  local keys, leaves = {}, {} -- leaves: index -> ids
  for i = 1, #ids do
    local key = prefix .. 'id:' .. ids[i]
    keys[#keys + 1] = key
    for attempt = 0, (tonumber(stored[i][1] or 0) or 0) - 1 do
      keys[#keys + 1] = string.format('%s:%d', key, attempt)
    end
    for _, set in ipairs(sets_of(stored[i])) do
      local leave = leaves[set]
      if leave then leave[#leave + 1] = ids[i] else leaves[set] = { ids[i] } end
    end
  end

  for _, state in ipairs(states) do expect(prefix .. state, 'set') end
  for _, time in ipairs(times) do expect(prefix .. time, 'zset') end
  for set in pairs(leaves) do expect(prefix .. set, 'set') end

  if #ids == 0 then return end
  for i = 1, #keys, 1000 do call('UNLINK', unpack(keys, i, math.min(i + 999, #keys))) end
  for _, state in ipairs(states) do call('SREM', prefix .. state, unpack(ids)) end
  for _, time in ipairs(times) do call('ZREM', prefix .. time, unpack(ids)) end
  for set, members in pairs(leaves) do call('SREM', prefix .. set, unpack(members)) end
end
