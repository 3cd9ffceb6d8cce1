-- What wrk sends: `wrk -s requests.lua URL -- KIND`. All requests of a kind are made once, at the start, so that
-- each then costs the load generator no more than a look into a table, whatever it asks and of whom.

local STATUSES, ROUNDS = 64, 10

local json = { ["Content-Type"] = "application/json" }
local json_minimal = { ["Content-Type"] = "application/json", ["Prefer"] = "return=minimal" }

local BATCH = 100 -- operations in a batch

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
  constant = function() return wrk.format("GET", "/") end,
  webdis_hgetall = function(i) return wrk.format("GET", "/HGETALL/jobba:id:bench" .. i % STATUSES) end,
  webdis_hset = function(i) return wrk.format("GET", "/HSET/bench" .. i % STATUSES .. "/progress/0." .. i % 100) end,
}

-- What a running system sends: mostly reads, then progress, then changes of state.
function kinds.mixed(i)
  if i % 10 < 6 then return kinds.get(i) end
  if i % 10 < 9 then return kinds.progress(i) end
  return kinds.state(i)
end

-- Progress reports of BATCH different statuses.
local function batch(i, headers)
  local lines = {}
  for k = 1, BATCH do
    lines[k] = '{"method":"PUT","path":"/statuses/bench' .. k - 1 .. '/progress","body":' .. progress(i + k) .. '}\n'
  end
  return wrk.format("POST", "/statuses:batch", headers, table.concat(lines))
end

local ndjson = { ["Content-Type"] = "application/x-ndjson" }
local ndjson_minimal = { ["Content-Type"] = "application/x-ndjson", ["Prefer"] = "return=minimal" }
function kinds.batch(i) return batch(i, ndjson) end
function kinds.batch_minimal(i) return batch(i, ndjson_minimal) end

-- A key for each request, and none of them twice: so these are made as they are sent. `keyless` is its like.
local made_as_sent = {}
local run = math.floor(os.time() % 100000) .. "-" .. tostring({}):sub(-6)
local function report(i, key)
  return "PUT " .. status(i) .. "/progress HTTP/1.1\r\nHost: localhost\r\nPrefer: return=minimal\r\n" .. key ..
    "Content-Type: application/json\r\nContent-Length: 23\r\n\r\n" ..
    string.format('{"at":%3d,"out_of":100}', i % 100)
end
function made_as_sent.keyed(i) return report(i, "Idempotency-Key: " .. run .. "-" .. i .. "\r\n") end
function made_as_sent.keyless(i) return report(i, "X-Request-Id: " .. run .. "-" .. i .. "\r\n") end

local requests, make, n = {}, nil, 0

function init(args)
  local kind = args[1]
  make = made_as_sent[kind]
  if make then return end
  for i = 0, STATUSES * ROUNDS - 1 do requests[i] = kinds[kind](i) end
end

function request()
  n = n + 1
  return make and make(n) or requests[n % (STATUSES * ROUNDS)]
end
