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

-- Each check takes ids and tells for each whether it may stay.

local function any_of_sets(names, ids)
  local stays = {}
  for _, name in ipairs(names) do
    local member = call('SMISMEMBER', prefix .. name, unpack(ids))
    for i = 1, #ids do stays[i] = stays[i] or member[i] == 1 end
  end
  return stays
end

local makers = {}

function makers.sets()
  local names = next_list()
  return function(ids) return any_of_sets(names, ids) end
end

function makers.range()
  local key, min, max = prefix .. next_arg(), tonumber(next_arg()), tonumber(next_arg())
  return function(ids)
    local scores, stays = call('ZMSCORE', key, unpack(ids)), {}
    for i = 1, #ids do
      local score = scores[i] and tonumber(scores[i])
      stays[i] = score and score >= min and score <= max
    end
    return stays
  end
end

function makers.ids()
  local wanted = {}
  for _, id in ipairs(next_list()) do wanted[id] = true end
  return function(ids)
    local stays = {}
    for i = 1, #ids do stays[i] = wanted[ids[i]] end
    return stays
  end
end

function makers.kill()
  local wanted = next_arg() == '1'
  return function(ids)
    local stays = {}
    for i = 1, #ids do
      local at_time = call('HGET', prefix .. 'id:' .. ids[i], 'kill_requested_at')
      stays[i] = ((at_time and at_time ~= 'null') or false) == wanted
    end
    return stays
  end
end

function makers.arg()
  local name, wanted = next_arg(), {}
  for _, value in ipairs(next_list()) do wanted[value] = true end
  return function(ids)
    local stays = {}
    for i = 1, #ids do
      local stored = call('HGET', prefix .. 'id:' .. ids[i], 'job_args')
      local ok, args = pcall(cjson.decode, stored or 'null')
      stays[i] = ok and type(args) == 'table' and wanted[args[name]]
    end
    return stays
  end
end

-- All that are left in the arguments.
local function next_checks()
  local checks = {}
  while at <= #ARGV do checks[#checks + 1] = makers[next_arg()]() end
  return checks
end

local function keep(list, stays)
  local kept = {}
  for i = 1, #list do
    if stays[i] then kept[#kept + 1] = list[i] end
  end
  return kept
end
