-- The arguments of the scripts that look at many statuses, and the checks of a query's clauses.
-- Included behind `local call, prefix, at`: Redis, the namespace's prefix, the index of the next argument.
--
--   check  'sets' count names... | 'range' name min max | 'ids' count ids... | 'kill' 1/0
--          'arg' name count values...: the hash's job_args has one of the values under this name

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

function makers.ids()
  local wanted = {}
  for _, id in ipairs(next_list()) do wanted[id] = true end
  return each(function(id) return wanted[id] end)
end

function makers.kill()
  local wanted = next_arg() == '1'
  return each(function(id)
    local at_time = call('HGET', prefix .. 'id:' .. id, 'kill_requested_at')
    return ((at_time and at_time ~= 'null') or false) == wanted
  end)
end

function makers.arg()
  local name, wanted = next_arg(), {}
  for _, value in ipairs(next_list()) do wanted[value] = true end
  return each(function(id)
    local stored = call('HGET', prefix .. 'id:' .. id, 'job_args')
    local ok, args = pcall(cjson.decode, stored or 'null')
    return ok and type(args) == 'table' and wanted[args[name]]
  end)
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
