local n = 0
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Prefer"] = "return=minimal"
function request()
  n = n + 1
  return wrk.format("PUT", "/statuses/bench" .. n % 64 .. "/progress", nil, '{"at":' .. n % 100 .. ',"out_of":100}')
end
