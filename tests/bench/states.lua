-- 64 statuses in turn, each back and forth between two states, so that every request moves indexes.
local n = 0
function request()
  n = n + 1
  local state = math.floor(n / 64) % 2 == 0 and "failed" or "queued"
  return wrk.format("POST", "/statuses/bench" .. n % 64 .. "/" .. state)
end
