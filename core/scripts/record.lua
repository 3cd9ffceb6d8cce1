-- What has been done under an Idempotency-Key, as 'FINGERPRINT OUTCOME MORE'. Included behind `local call, prefix`.

local function record_key_of(client_key) return prefix:sub(1, -2) .. '~key:' .. client_key end

-- Fingerprint, outcome, more; nothing if nothing has been done.
local function record_at(key)
  local record = call('GET', key)
  if record then return record:match('^(%x+) (%S+) ?(%S*)$') end
end

local function record_write(key, fingerprint, outcome, more, lifetime_ms)
  call('SET', key, fingerprint .. ' ' .. outcome .. ' ' .. more, 'PX', lifetime_ms)
end
