-- What a running system sends: mostly reads, then progress, then changes of state.
local n = 0
wrk.headers["Content-Type"] = "application/json"
function request()
  n = n + 1
  local path = "/statuses/bench" .. n % 64
  if n % 10 < 6 then return wrk.format("GET", path) end
  if n % 10 < 9 then return wrk.format("PUT", path .. "/progress", nil, '{"at":' .. n % 100 .. ',"out_of":100}') end
  return wrk.format("POST", path .. "/" .. (math.floor(n / 640) % 2 == 0 and "failed" or "queued"))
end
