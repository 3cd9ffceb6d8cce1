-- The arguments of the scripts that look at many statuses, and the checks of a query's clauses.
-- Included behind `local call, prefix, at`: Redis, the namespace's prefix, the index of the next argument.
--
--   check  'sets' count names... | 'range' name min max | 'ids' count ids... | 'kill' 1/0
--          'field' name count values...: the hash's field is one of the values
--          'args' count values... | 'arg' name count values...: so is an argument, or the one of this name

-- include stored.lua

local function next_arg()
  at = at + 1
  return ARGV[at - 1]
end

local function next_list()
  local list = {}
  for i = 1, tonumber(next_arg()) do list[i] = next_arg() end
  return list
end

-- Each check takes ids and returns those that may stay. All of this runs for each candidate of a query: hence the
-- plain loops.

local makers = {}

local function any_of_sets(names, ids)
  local stays, kept = {}, {}
  for _, name in ipairs(names) do
    local member = call('SMISMEMBER', prefix .. name, unpack(ids))
    for i = 1, #ids do stays[i] = stays[i] or member[i] == 1 end
  end
  for i = 1, #ids do
    if stays[i] then kept[#kept + 1] = ids[i] end
  end
  return kept
end

local function in_set(key, ids)
  local member, kept, n = call('SMISMEMBER', key, unpack(ids)), {}, 0
  for i = 1, #ids do
    if member[i] == 1 then
      n = n + 1
      kept[n] = ids[i]
    end
  end
  return kept
end

function makers.sets()
  local names = next_list()
  if #names ~= 1 then return function(ids) return any_of_sets(names, ids) end end
  local key = prefix .. names[1]
  return function(ids) return in_set(key, ids) end
end

function makers.range()
  local key, min, max = prefix .. next_arg(), tonumber(next_arg()), tonumber(next_arg())
  return function(ids)
    local scores, kept = call('ZMSCORE', key, unpack(ids)), {}
    for i = 1, #ids do
      local score = scores[i] and tonumber(scores[i])
      if score and score >= min and score <= max then kept[#kept + 1] = ids[i] end
    end
    return kept
  end
end

-- A check that looks at one id at a time.
local function each(stays)
  return function(ids)
    local kept = {}
    for i = 1, #ids do
      if stays(ids[i]) then kept[#kept + 1] = ids[i] end
    end
    return kept
  end
end

-- What others store may be big, and takes its time.
local reads_hashes, bytes_read = false, 0

local function read_field(id, field)
  local stored = call('HGET', prefix .. 'id:' .. id, field)
  if stored then bytes_read = bytes_read + #stored end
  return stored or 'null'
end

local function next_values()
  local wanted = {}
  for _, value in ipairs(next_list()) do wanted[value] = true end
  return wanted
end

function makers.ids()
  local wanted = next_values()
  return each(function(id) return wanted[id] end)
end

function makers.kill()
  reads_hashes = true
  local wanted = next_arg() == '1'
  return each(function(id) return (read_field(id, 'kill_requested_at') ~= 'null') == wanted end)
end

-- Numbers are what they are written as, with quotes or without.
function makers.field()
  reads_hashes = true
  local field, wanted = next_arg(), next_values()
  return each(function(id)
    local stored = read_field(id, field)
    if stored:sub(1, 1) == '"' then stored = stored_text(stored) elseif stored == 'null' then stored = nil end
    return stored and wanted[stored]
  end)
end

local args_of = {} -- id -> name -> value; several checks may want them

local function read_args(id)
  local args = args_of[id]
  if not args then
    local ok, decoded = pcall(cjson.decode, read_field(id, 'job_args'))
    args = ok and type(decoded) == 'table' and decoded or {}
    args_of[id] = args
  end
  return args
end

function makers.args()
  reads_hashes = true
  local wanted = next_values()
  return each(function(id)
    for _, value in pairs(read_args(id)) do
      if wanted[value] then return true end
    end
  end)
end

function makers.arg()
  reads_hashes = true
  local name, wanted = next_arg(), next_values()
  return each(function(id) return wanted[read_args(id)[name]] end)
end

-- What is left in the arguments: a function that returns those of some ids that pass every check.
local function next_checks()
  local checks = {}
  while at <= #ARGV do checks[#checks + 1] = makers[next_arg()]() end
  return function(ids)
    for i = 1, #checks do
      if #ids == 0 then break end
      ids = checks[i](ids)
    end
    return ids
  end
end
