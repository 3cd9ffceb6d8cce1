-- What wrk sends: `wrk -s requests.lua URL -- KIND`. All requests of a kind are made once, at the start, so that
-- each then costs the load generator no more than a look into a table, whatever it asks and of whom.

local STATUSES, ROUNDS = 64, 10

local json = { ["Content-Type"] = "application/json" }
local json_minimal = { ["Content-Type"] = "application/json", ["Prefer"] = "return=minimal" }

local function status(i) return "/statuses/bench" .. i % STATUSES end
local function progress(i) return '{"at":' .. i % 100 .. ',"out_of":100}' end
-- Each status goes back and forth between two states, so every request moves it between indexes.
local function next_state(i) return math.floor(i / STATUSES) % 2 == 0 and "failed" or "queued" end

local kinds = {
  get = function(i) return wrk.format("GET", status(i)) end,
  state = function(i) return wrk.format("POST", status(i) .. "/" .. next_state(i)) end,
  state_minimal = function(i) return wrk.format("POST", status(i) .. "/" .. next_state(i), json_minimal) end,
  progress = function(i) return wrk.format("PUT", status(i) .. "/progress", json, progress(i)) end,
  progress_minimal = function(i) return wrk.format("PUT", status(i) .. "/progress", json_minimal, progress(i)) end,
  webdis_hgetall = function(i) return wrk.format("GET", "/HGETALL/jobba:id:bench" .. i % STATUSES) end,
  webdis_hset = function(i) return wrk.format("GET", "/HSET/bench" .. i % STATUSES .. "/progress/0." .. i % 100) end,
}

-- What a running system sends: mostly reads, then progress, then changes of state.
function kinds.mixed(i)
  if i % 10 < 6 then return kinds.get(i) end
  if i % 10 < 9 then return kinds.progress(i) end
  return kinds.state(i)
end

local requests, n = {}, 0

function init(args)
  for i = 0, STATUSES * ROUNDS - 1 do requests[i] = kinds[args[1]](i) end
end

function request()
  n = (n + 1) % (STATUSES * ROUNDS)
  return requests[n]
end
